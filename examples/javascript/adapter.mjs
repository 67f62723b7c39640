// Puts the serializer behind spec/ADAPTER.md: JSON lines on standard input and output.
//
//   pytest --impl=stdio:'node examples/javascript/adapter.mjs'
//
// Another serializer that exports the same class can be named as an argument.

import { pathToFileURL } from "node:url";

const source = process.argv[2] ? pathToFileURL(process.argv[2]).href : "./serializer.mjs";
const { TwilioFrameSerializer } = await import(source);

const MEMBERS = {
  hello: ["protocol"],
  construct: ["serializer", "arguments"],
  setup: ["serializer", "audio_in_sample_rate", "audio_out_sample_rate"],
  serialize: ["serializer", "frame"],
  deserialize: ["serializer", "text", "base64"],
  close: ["serializer"],
};

class AdapterError extends Error {}

// A serializer's calls take turns, as in Pipecat; only the end of a call waits for nothing.
const TERMINAL = new Set(["EndFrame", "CancelFrame"]);
const turns = new Map();
const serializers = new Map();
let logs = [];

const operations = {
  hello({ protocol }) {
    if (protocol !== 1) throw new AdapterError(`this adapter speaks protocol 1, not ${protocol}`);
    return { protocol: 1, name: "examples/javascript", version: null, capabilities: ["api_key", "base_url", "pipelining"] };
  },
  construct({ serializer, arguments: given }) {
    const made = new TwilioFrameSerializer(given, (level, text) => logs.push({ level, text }));
    serializers.set(serializer, made);
    return null;
  },
  async setup({ serializer, ...rates }) {
    await find(serializer).setup(rates);
    return null;
  },
  async serialize({ serializer, frame }) {
    if ("audio" in frame) frame.audio = Buffer.from(frame.audio, "base64");
    const value = await find(serializer).serialize(frame);
    return typeof value === "string" ? { text: value } : value;
  },
  async deserialize({ serializer, text, base64 }) {
    const frame = await find(serializer).deserialize(text ?? Buffer.from(base64, "base64"));
    if (frame === null) return null;
    if ("audio" in frame) frame.audio = frame.audio.toString("base64");
    return { frame };
  },
  close({ serializer }) {
    find(serializer);
    serializers.delete(serializer);
    turns.delete(serializer);
    return null;
  },
};

function find(name) {
  const found = serializers.get(name);
  if (!found) throw new AdapterError(`there is no serializer ${name}`);
  return found;
}

async function answer(line) {
  let id = null;
  let answered;
  try {
    const { id: given, op, ...members } = JSON.parse(line);
    id = given;
    if (!Object.hasOwn(MEMBERS, op)) throw new AdapterError(`there is no operation ${op}`);
    const unknown = Object.keys(members).find((name) => !MEMBERS[op].includes(name));
    if (unknown) throw new AdapterError(`${op} has no member ${unknown}`);
    const before = turns.get(members.serializer);
    const isTerminal = TERMINAL.has(members.frame?.frame);
    const result = before && !isTerminal ? before.then(() => operations[op](members)) : operations[op](members);
    if (result instanceof Promise && !isTerminal) turns.set(members.serializer, result.catch(() => {}));
    answered = { id, result: await result };
  } catch (error) {
    if (error instanceof AdapterError || id === null) answered = { id, error: error.message };
    else answered = { id, raised: raised(error) };
  }
  if (logs.length) answered.logs = logs;
  logs = [];
  process.stdout.write(`${JSON.stringify(answered)}\n`);
}

function raised(error) {
  const bases = [];
  for (let kind = Object.getPrototypeOf(error.constructor); kind?.name; kind = Object.getPrototypeOf(kind)) bases.push(kind.name);
  return { type: error.name, bases, message: error.message };
}

// Only a line feed ends a line: node:readline also splits at U+2028, which JSON permits within a text.
let pending = [];
for await (const chunk of process.stdin) {
  let start = 0;
  for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
    const line = Buffer.concat([...pending, chunk.subarray(start, end)]).toString();
    pending = [];
    start = end + 1;
    answer(line);
  }
  if (start < chunk.length) pending.push(chunk.subarray(start));
}
process.exit(0);
