// Plays the vectors against a serializer in JavaScript; needs vectors/v1, Node 20 and nothing else.
//
//   node run_vectors.mjs [--json] VECTORS SERIALIZER.mjs      outcome of each vector and requirement; exit status 1 if one fails
//
// The serializer takes arguments and frames by the names of the vectors, with audio as a Buffer. Its HTTPS requests are led to a server
// on loopback, in cleartext: answers that need TLS or long waits are not played.

import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { pathToFileURL } from "node:url";

const [source, module] = process.argv.slice(2).filter((word) => word !== "--json");
const NAMES = { stream_sid: "MZ" + "1a".repeat(16), other_stream_sid: "MZ" + "2b".repeat(16), call_sid: "CA" + "3c".repeat(16),
  account_sid: "AC" + "4d".repeat(16), auth_token: "5e".repeat(16), api_key_sid: "SK" + "6f".repeat(16), api_key_secret: "7a".repeat(16) };
const UNPLAYED = new Set(["silence-in-handshake", "silence", "drip", "endless", "certificate"]);
const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const failed = (why) => { throw Object.assign(new Error(why), { outcome: "fail" }); };
const untestable = (why) => { throw Object.assign(new Error(why), { outcome: "not-testable" }); };

// Twilio's API
let world;
const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  const { answer, dialled } = world.dials.shift();
  world.requests.push({ ...dialled, method: request.method, target: request.url, headers: request.headers, body });
  if (answer.fault === "reset") return request.socket.resetAndDestroy();
  if (answer.fault === "close") return request.socket.destroy();
  const content = "json" in answer ? JSON.stringify(answer.json) : Buffer.from(answer.body_base64 ?? answer.body ?? "", answer.body_base64 ? "base64" : "utf8");
  for (const interim of answer.interim ?? []) response.socket.write(`HTTP/1.1 ${interim} Early\r\n\r\n`);
  response.writeHead(answer.status ?? 200, { ...("json" in answer && { "Content-Type": "application/json" }), ...answer.headers, "Content-Length": content.length });
  if (answer.fault === "reset-in-answer") return response.write(content.subarray?.(0, 5) ?? content.slice(0, 5), () => request.socket.resetAndDestroy());
  return response.end(content);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
https.request = (url, options, callback) => {
  const answer = world.answers.length > 1 ? world.answers.shift() : world.answers[0];
  const reached = !["refuse", "reset-in-handshake"].includes(answer.fault);
  if (reached) world.dials.push({ answer, dialled: { url: url.origin } });
  const port = reached ? server.address().port : 1;
  return http.request({ ...options, host: "127.0.0.1", port, path: url.pathname + url.search }, callback);
};
syncBuiltinESMExports();
const { TwilioFrameSerializer } = await import(pathToFileURL(module).href);

// Playing
const fill = (value, names) => {
  if (typeof value === "string") return value.replace(/\$\{(\w+)\}/g, (whole, name) => names[name] ?? whole);
  if (Array.isArray(value)) return value.map((item) => fill(item, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [fill(key, names), fill(item, names)]));
};
const pcm = (audio) => (typeof audio === "string" ? Buffer.from(audio, "base64") : Buffer.concat(Array(audio.times).fill(Buffer.from(audio.base64, "base64"))));
const frameOf = (frame) => ("audio" in frame ? { ...frame, audio: pcm(frame.audio) } : { ...frame });
const dataOf = (data, names) => {
  if ("base64" in data) return Buffer.from(data.base64, "base64");
  const parts = data.parts?.map((part) => (typeof part === "string" ? part : part.repeat.repeat(part.times)));
  const text = fill(data.text ?? parts?.join("") ?? JSON.stringify(data.json), names);
  return data.as === "bytes" ? Buffer.from(text) : text;
};
const seen = async (action) => {
  const started = performance.now();
  try {
    return { value: await action(), seconds: (performance.now() - started) / 1000 };
  } catch (raised) {
    return { raised, value: null, seconds: (performance.now() - started) / 1000 };
  }
};
async function play({ given, steps }, names) {
  world = { answers: fill(given.answers, names), dials: [], requests: [], logs: [], steps: [], obstacle: null };
  const { logs } = world;
  let subject;
  world.construction = await seen(() => { subject = new TwilioFrameSerializer(fill(given.arguments, names), (level, text) => logs.push({ level, text })); });
  if (!subject) return Object.assign(world, { obstacle: "the constructor threw" });
  if (given.setup && (await seen(() => subject.setup(given.setup))).raised) world.obstacle = "setup threw";
  for (const step of steps) {
    if ("wait" in step) await new Promise((resolve) => setTimeout(resolve, 1000 * step.wait));
    world.steps.push(await seen(() => ("serialize" in step ? subject.serialize(frameOf(fill(step.serialize, names)))
      : "deserialize" in step ? subject.deserialize(dataOf(step.deserialize, names)) : "setup" in step ? subject.setup(step.setup) : null)));
  }
  return world;
}

// Grading
const isA = (error, kind) => { for (let at = error?.constructor; at?.name; at = Object.getPrototypeOf(at)) if (at.name === kind) return true; return false; };
const eventOf = (value) => { try { return JSON.parse(value)?.event; } catch { return undefined; } };
const base64 = (text) => typeof text === "string" && text !== "" && Buffer.from(text, "base64").toString("base64") === text;
const fits = (value, shape) => {
  if (shape === "<any>") return true;
  if (shape === "<base64>") return base64(value);
  if (typeof shape !== "object" || shape === null || Array.isArray(shape)) return isDeepStrictEqual(value, shape);
  if (typeof value !== "object" || value === null) return false;
  const named = Object.keys(shape).filter((name) => name !== "...");
  return named.every((name) => Object.hasOwn(value, name) && fits(value[name], shape[name])) && ("..." in shape || Object.keys(value).length === named.length);
};
const hasShape = (text, shape) => { try { return fits(JSON.parse(text), shape); } catch { return false; } };
const joined = (got, alternatives, least) => got.length >= least && got.length <= alternatives[0].length
  && got.every((byte, place) => alternatives.some((alternative) => alternative[place] === byte));
const checkRaises = (raised, wanted) => {
  if (![wanted.raises].flat().some((kind) => (kind === null ? !raised : isA(raised, kind)))) failed(`raised ${raised?.name ?? "nothing"}`);
  if (raised && !(wanted.mentions ?? []).every((text) => raised.message.includes(text))) failed("the message does not name everything");
};
function checkStep({ value, raised, seconds }, wanted) {
  if ("raises" in wanted) return checkRaises(raised, wanted);
  if ("within" in wanted) return seconds <= wanted.within || failed("took too long");
  if (raised) return ("not_events" in wanted ? untestable : failed)(`threw ${raised.message}`);
  if (wanted.not_frames) return !wanted.not_frames.includes(value?.frame) || failed(`gave a ${value.frame}`);
  if (wanted.not_events) return !wanted.not_events.includes(eventOf(value)) || failed("gave such a message");
  if (wanted.frame) return Object.entries(wanted.frame).every(([name, item]) => (name === "audio" ? pcm(item).equals(value?.audio) : value?.[name] === item)) || failed("another frame");
  if (wanted.returns === "nothing") return value === null || failed("returned something");
  return hasShape(value, wanted.returns.json) || failed("another message");
}
const aspects = {
  method: (request) => request.method, url: (request) => request.url, target: (request) => request.target,
  form: (request) => (request.headers["content-type"]?.split(";")[0] === "application/x-www-form-urlencoded" ? Object.fromEntries(new URLSearchParams(request.body)) : null),
  basic: (request) => { const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(request.headers.authorization?.split(" ")[1] ?? "", "base64").toString()) ?? []; return [user, password]; } };
const within = (count, { at_least: least, at_most: most }) => (count >= least && count <= (most ?? Infinity)) || failed(`${count} of them`);
const grades = {
  messages(session, { shape, at_least: least }) {
    const texts = session.steps.map(({ value }) => value).filter((value) => typeof value === "string");
    if (texts.length < least) failed("too few messages");
    if (!texts.length) untestable("no message");
    if (!texts.every((text) => hasShape(text, shape))) failed("another shape");
  },
  payloads(session, { each_in: codes, at_least: least }) {
    const media = session.steps.filter(({ value }) => eventOf(value) === "media").map(({ value }) => JSON.parse(value).media.payload);
    if (!joined(Buffer.concat(media.map((payload) => Buffer.from(payload, "base64"))), codes.map((text) => Buffer.from(text, "base64")), least)) failed("other codes");
  },
  audio(session, { equals, at_least: least = 0, sample_rate: rate, num_channels: channels }) {
    const frames = session.steps.map(({ value }) => value).filter((value) => value?.frame === "InputAudioRawFrame");
    if (!frames.every((frame) => frame.sample_rate === rate && frame.num_channels === channels)) failed("another rate");
    if (!frames.length && (least || equals === undefined)) failed("no audio");
    const got = Buffer.concat(frames.map(({ audio }) => audio));
    if (equals === undefined ? got.length < 2 * least : !joined(got, [Buffer.from(equals, "base64")], 2 * least)) failed("other audio");
  },
  requests: (session, wanted) => within(session.requests.length, wanted),
  request(session, wanted) {
    if (!session.requests.length) untestable("no request");
    for (const request of session.requests) for (const [name, item] of Object.entries(wanted)) if (!isDeepStrictEqual(aspects[name](request), item)) failed(`another ${name}`);
  },
  log: (session, wanted) => within(session.logs.filter(({ level }) => LEVELS.indexOf(level) >= LEVELS.indexOf(wanted.level)).length, wanted) };

const outcomes = {};
for (const path of readdirSync(source, { recursive: true }).filter((name) => name.endsWith(".json") && name.includes("/")).sort()) {
  const vector = JSON.parse(readFileSync(join(source, path)));
  const names = { ...NAMES, ...vector.given.names };
  const isPlayed = !vector.given.answers.some((answer) => UNPLAYED.has(answer.fault) || answer.delay);
  const session = isPlayed ? await play(vector, names) : null;
  const note = ({ requirement, ...wanted }, check) => {
    const key = `${requirement} ${vector.id}`;
    try {
      if (!isPlayed) throw Object.assign(new Error("needs TLS or time"), { outcome: "not-played" });
      check(fill(wanted, names));
      outcomes[key] ??= "pass";
    } catch (error) {
      if (!error.outcome) throw error;
      if ((outcomes[key] ?? "pass") === "pass") outcomes[key] = error.outcome;
    }
  };
  const afterwards = (check) => (wanted) => (session.obstacle ? untestable(session.obstacle) : check(wanted));
  for (const wanted of vector.construction ?? []) note(wanted, (item) => checkRaises(session.construction.raised, item));
  vector.steps.forEach(({ expect = [] }, index) => expect.forEach((wanted) => note(wanted, afterwards((item) => checkStep(session.steps[index], item)))));
  for (const wanted of vector.expect) note(wanted, afterwards((item) => Object.entries(item).forEach(([name, value]) => grades[name](session, value))));
}
const counts = {};
for (const outcome of Object.values(outcomes)) counts[outcome] = (counts[outcome] ?? 0) + 1;
if (process.argv.includes("--json")) console.log(JSON.stringify(outcomes));
else console.log(...Object.entries(outcomes).filter(([, outcome]) => outcome === "fail").map(([key]) => `${key}: fail\n`), counts);
process.exit(counts.fail || counts["not-testable"] ? 1 : 0);
