// A serializer between Pipecat's frames and Twilio Media Streams, written from spec/SPECIFICATION.md and the vectors alone.
//
// Arguments and frames are plain objects with the specification's own names, as in the vectors:
// {frame: "OutputAudioRawFrame", audio: Buffer, sample_rate: 24000, num_channels: 1}. Node 20, standard library only.

import { request as httpsRequest } from "node:https";
import { request as httpRequest } from "node:http";
import { decodeSamples, encodeSamples, WIRE_RATE } from "./g711.mjs";
import { Resampler } from "./resampler.mjs";

const OUTPUT_AUDIO = new Set(["OutputAudioRawFrame", "TTSAudioRawFrame", "SpeechOutputAudioRawFrame"]);
const MESSAGES = new Set(["OutputTransportMessageFrame", "OutputTransportMessageUrgentFrame"]);
const TERMINAL = new Set(["EndFrame", "CancelFrame"]);
const KEYS = new Set([..."0123456789*#"]);
const DEFAULTS = { ignore_rtvi_messages: true, twilio_sample_rate: WIRE_RATE, sample_rate: null, auto_hang_up: true };
const HANG_UP_LIMIT = 8000; // milliseconds in all
const LONGEST_ANSWER = 65536; // bytes of an answer's body that are read
const ALREADY_ENDED = { 404: 20404, 400: 21220 };
const HOST_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i;

/** What Python's ValueError says: an argument has the right type and the wrong value. */
export class ValueError extends Error {
  name = "ValueError";
}

/** One stream of one call. */
export class TwilioFrameSerializer {
  #stream;
  #params;
  #authority = null; // where and as whom to hang up
  #log;
  #rate = WIRE_RATE;
  #outgoing = null;
  #incoming = null;
  #hangUp = null; // the request under way, or done

  /**
   * @param given stream_sid, call_sid, account_sid, auth_token, region, edge, params, api_key_sid, api_key_secret, base_url
   * @param log is given a level of Python's logging and a text
   * @throws {ValueError} stream_sid is missing; or, where a call is to be ended, a credential or one of region and edge is, or
   *   base_url is no place to send a request to
   */
  constructor(given, log = (level, text) => console.error(`${level}: ${text}`)) {
    if (!given.stream_sid) throw new ValueError("stream_sid is missing: Twilio drops every message without it");
    this.#stream = given.stream_sid;
    this.#params = { ...DEFAULTS, ...given.params };
    this.#log = log;
    if (this.#params.auto_hang_up) this.#authority = authorityOf(given);
  }

  /** Takes the rate at which the pipeline wants the caller's audio, in Hz. */
  async setup({ audio_in_sample_rate }) {
    this.#rate = this.#params.sample_rate || audio_in_sample_rate;
    this.#incoming = null;
  }

  /** The text to send to Twilio for a frame, or null. */
  async serialize(frame) {
    if (OUTPUT_AUDIO.has(frame.frame)) return this.#media(frame);
    if (frame.frame === "InterruptionFrame") {
      this.#outgoing = null;
      return JSON.stringify({ event: "clear", streamSid: this.#stream });
    }
    if (MESSAGES.has(frame.frame)) return this.#message(frame.message);
    if (TERMINAL.has(frame.frame) && this.#authority) await this.#end();
    return null;
  }

  /** The frame that a text or bytes from Twilio stand for, or null; never throws. */
  async deserialize(data) {
    const message = parse(data);
    if (!isObject(message)) return null;
    if (typeof message.streamSid === "string" && message.streamSid !== this.#stream) return null;
    if (message.event === "media" && isObject(message.media)) return this.#audio(message.media);
    if (message.event === "dtmf" && isObject(message.dtmf) && KEYS.has(message.dtmf.digit)) {
      return { frame: "InputDTMFFrame", button: message.dtmf.digit };
    }
    return null;
  }

  #media({ audio, sample_rate: rate, num_channels: channels = 1 }) {
    if (!Number.isInteger(rate) || rate <= 0) return null;
    const samples = monoOf(audio, channels);
    if (!samples.length) return null;
    const parts = [];
    if (this.#outgoing?.from !== rate) {
      if (this.#outgoing) parts.push(this.#outgoing.finish());
      this.#outgoing = new Resampler(rate, WIRE_RATE);
    }
    parts.push(this.#outgoing.take(samples));
    const codes = Buffer.concat(parts.map(encodeSamples));
    if (!codes.length) return null;
    return JSON.stringify({ event: "media", streamSid: this.#stream, media: { payload: codes.toString("base64") } });
  }

  #audio({ track, payload }) {
    const codes = track === "outbound" ? null : decodeBase64(payload);
    if (!codes?.length) return null;
    this.#incoming ??= new Resampler(WIRE_RATE, this.#rate);
    const samples = this.#incoming.take(decodeSamples(codes));
    if (!samples.length) return null;
    const audio = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
    return { frame: "InputAudioRawFrame", audio, sample_rate: this.#rate, num_channels: 1 };
  }

  #message(message) {
    if (this.#params.ignore_rtvi_messages && message?.label === "rtvi-ai") return null;
    try {
      return JSON.stringify(message) ?? null;
    } catch (error) {
      this.#log("WARNING", `a message cannot be written as JSON: ${error.message}`);
      return null;
    }
  }

  /** Ends the call, once: a second terminal frame waits for the first one's request, and tries again if it failed. */
  async #end() {
    this.#hangUp ??= this.#requestEnd();
    if (!(await this.#hangUp)) this.#hangUp = null;
  }

  async #requestEnd() {
    try {
      const { status, body } = await post(this.#authority);
      if (status >= 200 && status < 300) return true;
      const code = parse(body)?.code;
      if (code !== undefined && ALREADY_ENDED[status] === code) {
        this.#log("DEBUG", `the call had ended already (${status}, code ${code})`);
        return true;
      }
      this.#log("ERROR", `the call was not ended: Twilio answered ${status}`);
    } catch (error) {
      this.#log("ERROR", `the call was not ended: Twilio was not reached (${error.code ?? error.name})`);
    }
    return false;
  }
}

function authorityOf(given) {
  const { region, edge, base_url: base } = given;
  const hasKey = Boolean(given.api_key_sid || given.api_key_secret);
  const [user, password] = hasKey ? ["api_key_sid", "api_key_secret"] : ["account_sid", "auth_token"];
  const missing = [...new Set(["call_sid", "account_sid", user, password])].filter((name) => !given[name]);
  if (missing.length) throw new ValueError(`auto_hang_up needs ${missing.join(", ")}`);
  if (given[user].includes(":")) throw new ValueError(`${user} holds a colon, which ends the name in a login`);
  if (Boolean(region) !== Boolean(edge)) {
    throw new ValueError(region ? "region was given without edge" : "edge was given without region");
  }
  for (const [name, label] of Object.entries({ region, edge })) {
    if (label && !HOST_LABEL.test(label)) throw new ValueError(`${name} is no part of a host's name`);
  }
  if (base && !isPlace(base)) throw new ValueError("base_url has to be http or https, with a host and without query and fragment");
  const root = base || (region ? `https://api.${edge}.${region}.twilio.com` : "https://api.twilio.com");
  const [account, call] = ["account_sid", "call_sid"].map((name) => segmentOf(name, given[name]));
  return {
    url: new URL(`${root.replace(/\/+$/, "")}/2010-04-01/Accounts/${account}/Calls/${call}.json`),
    login: `${given[user]}:${given[password]}`,
  };
}

function isPlace(base) {
  return /^https?:\/\/[^/?#]+[^?#]*$/i.test(base) && URL.canParse(base);
}

/** A text as one segment of a path; a dot or two would be resolved away, and half a surrogate pair cannot be written. */
function segmentOf(name, text) {
  if (!text.isWellFormed() || /^\.{1,2}$/.test(text)) throw new ValueError(`${name} cannot stand in a path`);
  return encodeURIComponent(text);
}

/** Asks Twilio to end the call; follows no redirect, and keeps no connection. */
function post({ url, login }) {
  const body = "Status=completed";
  const headers = {
    Authorization: `Basic ${Buffer.from(login).toString("base64")}`,
    "Content-Type": "application/x-www-form-urlencoded",
    "Content-Length": body.length,
    Connection: "close",
  };
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(HANG_UP_LIMIT);
    const request = send(url, { method: "POST", headers, signal, agent: false }, (answer) => {
      const { statusCode: status } = answer;
      const pieces = [];
      let size = 0;
      const finish = () => {
        answer.destroy();
        resolve({ status, body: Buffer.concat(pieces) });
      };
      answer.on("data", (piece) => {
        pieces.push(piece);
        size += piece.length;
        if (size > LONGEST_ANSWER) finish();
      });
      answer.on("end", finish);
      answer.on("error", finish); // the status has come, and the status decides
    });
    request.on("error", reject);
    request.end(body);
  });
}

function parse(data) {
  try {
    return JSON.parse(typeof data === "string" ? data : new TextDecoder("utf-8", { fatal: true }).decode(data));
  } catch {
    return undefined; // neither UTF-8 nor JSON
  }
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Bytes of standard base64 with its padding and nothing else; null for anything else. */
function decodeBase64(text) {
  if (typeof text !== "string" || text.length % 4) return null;
  const pads = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return /[^A-Za-z0-9+/]/.test(text.slice(0, text.length - pads)) ? null : Buffer.from(text, "base64");
}

/** Samples of little-endian PCM, several channels mixed down to one; half a sample at the end is dropped. */
function monoOf(audio, channels) {
  const width = Math.max(channels, 1);
  const samples = new Int16Array(Math.floor(audio.length / 2 / width));
  for (let place = 0; place < samples.length; place += 1) {
    let sum = 0;
    for (let channel = 0; channel < width; channel += 1) sum += audio.readInt16LE(2 * (place * width + channel));
    samples[place] = Math.round(sum / width);
  }
  return samples;
}
