// Plays the vectors against a serializer in JavaScript: `node run_vectors.mjs VECTORS SERIALIZER.mjs`.
//
// It needs vectors/v1, Node 20 and nothing else. Each line is an outcome (pass, fail, not-testable or not-played), a requirement
// and a vector; the exit status is 1 if something fails. The serializer takes arguments and frames by the names of the vectors,
// with audio as a Buffer, and a function for its log. Its HTTPS requests are led to a server on loopback, in cleartext: what needs
// TLS, time, Python or a fault of the network is not played.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { pathToFileURL } from "node:url";

const [folder, module] = process.argv.slice(2);
if (process.argv.length !== 4 || !existsSync(`${folder}/manifest.json`)) {
  console.error("usage: node run_vectors.mjs VECTORS SERIALIZER.mjs, where VECTORS is the folder vectors/v1");
  process.exit(2);
}
const NAMES = { stream_sid: "MZ1a", other_stream_sid: "MZ2b", call_sid: "CA3c", account_sid: "AC4d", auth_token: "5e",
  api_key_sid: "SK6f", api_key_secret: "7a", other_call_sid: "CA8b", other_account_sid: "AC9c", other_auth_token: "0d" };
const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const decode = (text) => Buffer.from(text, "base64");
// Twilio's API
let twilio;
const server = http.createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray()).toString();
  const { method, url: target, headers } = request;
  const fields = [...new URLSearchParams(body)].filter(([name]) => ["Status", "Url", "Twiml"].includes(name));
  const form = /^application\/x-www-form-urlencoded\b/.test(headers["content-type"]) && Object.fromEntries(fields);
  const basic = /^([^:]*):(.*)$/s.exec(decode(headers.authorization?.split(" ")[1] ?? ""))?.slice(1);
  twilio.requests.push({ method, target, url: headers["x-url"], form, basic });
  const answer = twilio.answers.length > 1 ? twilio.answers.shift() : twilio.answers[0];
  const { status, json, body_base64: bytes, body: text = "" } = answer;
  const content = json === undefined ? (bytes === undefined ? text : decode(bytes)) : JSON.stringify(json);
  response.writeHead(status, answer.headers).end(content);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
https.request = (url, options, callback) => {
  const led = { host: "127.0.0.1", port: server.address().port, path: url.pathname + url.search };
  return http.request({ ...options, ...led, headers: { ...options.headers, "x-url": url.origin } }, callback);
};
syncBuiltinESMExports();
const { TwilioFrameSerializer, error } = await import(pathToFileURL(module).href).catch((error) => ({ error }));
if (typeof TwilioFrameSerializer !== "function") {
  console.error(`${module}, which should export TwilioFrameSerializer, cannot be used: ${error?.message ?? "it exports none"}`);
  process.exit(2);
}

// Playing
const pcm = (audio) => (typeof audio === "string" ? decode(audio) : Buffer.concat(Array(audio.times).fill(decode(audio.base64))));
const dataOf = ({ base64, json, parts = [], text, as }) => {
  const joined = parts.map((part) => (typeof part === "string" ? part : part.repeat.repeat(part.times))).join("");
  const whole = json === undefined ? text ?? joined : JSON.stringify(json);
  return base64 === undefined ? (as === "bytes" ? Buffer.from(whole) : whole) : decode(base64);
};
const actions = {
  setup: (subject, rates) => subject.setup(rates),
  serialize: (subject, frame) => subject.serialize("audio" in frame ? { ...frame, audio: pcm(frame.audio) } : frame),
  deserialize: (subject, data) => subject.deserialize(dataOf(data)),
  wait: (_, seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds)),
};

/** What a call gave, what it threw, and the seconds that it took. */
async function attempt(call) {
  const started = performance.now();
  const [value, error] = await Promise.resolve().then(call).then((given) => [given, null], (thrown) => [null, thrown]);
  return { value, error, seconds: (performance.now() - started) / 1000 };
}

const take = (subject, step) => {
  const action = Object.keys(actions).find((name) => name in step);
  return attempt(() => actions[action](subject, step[action]));
};

/** Takes steps that are not graded, with answers of their own. */
async function prepare(subject, steps = [], answers = twilio.answers, rates = null) {
  const before = { answers: twilio.answers, requests: twilio.requests };
  Object.assign(twilio, { answers: [...answers], requests: [] });
  for (const step of steps) if (step.setup !== "given" || rates) await take(subject, step.setup === "given" ? { setup: rates } : step);
  Object.assign(twilio, before);
}

/** What construction and each step gave; no steps where construction or setup failed. */
async function play({ given, steps }) {
  const seen = twilio = { answers: given.answers, requests: [], logs: [], steps: null };
  const { beside, before } = given;
  const other = beside && new TwilioFrameSerializer(beside.arguments, () => {});
  if (other) await prepare(other, [{ setup: beside.setup }, ...(beside.first ?? [])], beside.answers);
  seen.construction = await attempt(() => new TwilioFrameSerializer(given.arguments, (level) => seen.logs.push(level)));
  const subject = seen.construction.value;
  if (!subject || (given.setup && (await attempt(() => subject.setup(given.setup))).error)) return seen;
  await prepare(subject, before?.steps, before?.answers, given.setup);
  if (other) await prepare(other, beside.then, beside.answers);
  seen.steps = [];
  seen.logs.length = 0;
  for (const [place, step] of steps.entries()) {
    seen.steps.push(await take(subject, step));
    if (beside?.turns) await prepare(other, [beside.turns[place % beside.turns.length]]);
  }
  return seen;
}

// Grading: whether an expectation holds; null where nothing is seen of what it speaks of
const isA = (error, kind, at = error?.constructor) => Boolean(at?.name) && (at.name === kind || isA(null, kind, Object.getPrototypeOf(at)));
const messageOf = (value) => (typeof value === "string" ? JSON.parse(value) : {});
function has(value, shape) {
  if (shape === "<any>") return true;
  if (shape === "<base64>") return typeof value === "string" && value !== "" && decode(value).toString("base64") === value;
  if (typeof shape !== "object" || shape === null || Array.isArray(shape)) return isDeepStrictEqual(value, shape);
  if (typeof value !== "object" || value === null) return false;
  const names = "..." in shape ? Object.keys(shape).filter((name) => name !== "...") : Object.keys({ ...shape, ...value });
  return names.every((name) => Object.hasOwn(value, name) && Object.hasOwn(shape, name) && has(value[name], shape[name]));
}

const carries = (frame, wanted) => Object.entries(wanted).every(([name, item]) =>
  (name === "audio" ? pcm(item).equals(frame?.audio ?? Buffer.of()) : frame?.[name] === item));
const begins = (got, alternatives, least) => got.length >= least && got.length <= alternatives[0].length
  && got.every((byte, place) => alternatives.some((codes) => codes[place] === byte));
const within = (count, { at_least: least, at_most: most }) => count >= least && count <= (most ?? Infinity);
const ofStep = {
  raises: ({ error }, kinds, { mentions = [] }) => [kinds].flat().some((kind) => (kind === null ? !error : isA(error, kind)))
    && (!error || mentions.every((text) => error.message.includes(text))),
  within: ({ seconds }, limit) => seconds <= limit,
  not_events: ({ value, error }, events) => (error ? null : !events.includes(messageOf(value).event)),
  not_frames: ({ value, error }, kinds) => !error && !kinds.includes(value?.frame),
  frame: ({ value, error }, wanted) => !error && carries(value, wanted),
  returns: ({ value, error }, wanted) => !error && (wanted === "nothing" ? value === null : has(messageOf(value), wanted.json)),
};
const ofAll = {
  messages({ steps }, { shape, at_least: least }) {
    const texts = steps.map(({ value }) => value).filter((value) => typeof value === "string");
    return texts.length >= least && (texts.length ? texts.every((text) => has(messageOf(text), shape)) : null);
  },
  payloads({ steps }, { each_in: codes, at_least: least }) {
    const media = steps.map(({ value }) => messageOf(value)).filter(({ event }) => event === "media");
    return begins(Buffer.concat(media.map((message) => decode(message.media.payload))), codes.map(decode), least);
  },
  audio({ steps }, { equals, at_least: least = 0, ...wanted }) {
    const frames = steps.map(({ value }) => value).filter((value) => value?.frame === "InputAudioRawFrame");
    const joined = Buffer.concat(frames.map(({ audio }) => audio));
    return frames.every((frame) => carries(frame, wanted)) && (frames.length > 0 || (equals !== undefined && !least))
      && begins(joined, [equals === undefined ? joined : decode(equals)], 2 * least);
  },
  requests: ({ requests }, wanted) => within(requests.length, wanted),
  request: ({ requests }, wanted) => (requests.length === 0 ? null
    : requests.every((request) => Object.entries(wanted).every(([name, item]) => isDeepStrictEqual(request[name], item)))),
  log: ({ logs }, wanted) => within(logs.filter((level) => LEVELS.indexOf(level) >= LEVELS.indexOf(wanted.level)).length, wanted),
};

const outcomes = new Map();
for (const path of readdirSync(folder, { recursive: true }).filter((name) => /\/.*\.json$/.test(name)).sort()) {
  const text = readFileSync(`${folder}/${path}`, "utf8");
  const names = { ...NAMES, ...JSON.parse(text).given.names };
  const vector = JSON.parse(text.replace(/\$\{(\w+)\}/g, (_, name) => JSON.stringify(names[name]).slice(1, -1)));
  const { answers, before, environment = {}, needs = [] } = vector.given;
  const isPlayed = !answers.some((answer) => answer.fault || answer.delay || answer.interim)
    && !before?.steps.some(({ wait = 0 }) => wait > 5) && !needs.includes("python");
  Object.assign(process.env, environment);
  const seen = isPlayed ? await play(vector) : {};
  for (const name in environment) delete process.env[name];
  const isMoot = vector.premise === "attempt" && !seen.requests?.length;
  const grades = [
    ...(vector.construction ?? []).map((wanted) => [wanted, ofStep, seen.construction]),
    ...vector.steps.flatMap(({ expect = [] }, place) => expect.map((wanted) => [wanted, ofStep, seen.steps?.[place] ?? null])),
    ...vector.expect.map((wanted) => [wanted, ofAll, seen.steps && seen]),
  ];
  for (const [wanted, table, what] of grades) {
    const kind = Object.keys(table).find((name) => name in wanted);
    let held = false;
    try {
      held = what && table[kind](what, wanted[kind], wanted);
    } catch {} // it is not even of the kind
    const key = `${wanted.requirement} ${vector.id}`;
    const outcome = isPlayed ? { true: "pass", false: "fail", null: "not-testable" }[held && isMoot ? null : held] : "not-played";
    if ((outcomes.get(key) ?? "pass") === "pass") outcomes.set(key, outcome);
  }
}
const lines = [...outcomes].map(([key, outcome]) => `${outcome} ${key}\n`).join("");
process.stdout.write(lines, () => process.exit(/^(fail|not-testable) /m.test(lines) ? 1 : 0)); // a pipe takes its time
