// node --test examples/javascript

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSamples, encodeSamples } from "./g711.mjs";
import { Resampler } from "./resampler.mjs";
import { TwilioFrameSerializer, ValueError } from "./serializer.mjs";

const QUIET = { stream_sid: "MZ1", params: { auto_hang_up: false } };
const tone = (rate, seconds, hertz = 440) => Int16Array.from({ length: rate * seconds }, (_, at) => 8000 * Math.sin((2 * Math.PI * hertz * at) / rate));

test("every code survives decoding and encoding, but for the sign of zero", () => {
  const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
  const again = encodeSamples(decodeSamples(codes));
  assert.deepEqual([...again].filter((code, at) => code !== codes[at]), [0xff]);
});

test("a resampler gives the same whatever the size of the pieces", () => {
  const signal = tone(24000, 0.5);
  const whole = new Resampler(24000, 8000).take(signal);
  const pieces = new Resampler(24000, 8000);
  const parts = [];
  for (let at = 0; at < signal.length; at += 37) parts.push(...pieces.take(signal.subarray(at, at + 37)));
  assert.deepEqual(parts, [...whole]);
});

for (const [from, to] of [[24000, 8000], [44100, 8000], [8000, 22050], [8000, 48000]]) {
  test(`a tone keeps its level from ${from} to ${to} Hz`, () => {
    const output = new Resampler(from, to).take(tone(from, 1)).subarray(to / 10, to / 2);
    const expected = tone(to, 1).subarray(to / 10, to / 2);
    const loudest = Math.max(...output.map((value, at) => Math.abs(value - expected[at])));
    assert.ok(loudest < 40, `${loudest} of 8000`);
  });
}

test("finish gives what is withheld", () => {
  const resampler = new Resampler(16000, 8000);
  const count = resampler.take(tone(16000, 0.1)).length + resampler.finish().length;
  assert.ok(Math.abs(count - 800) <= 1, String(count));
});

test("an interruption clears, and drops what is withheld", async () => {
  const serializer = new TwilioFrameSerializer(QUIET);
  const frame = (samples) => ({ frame: "OutputAudioRawFrame", audio: Buffer.from(samples.buffer), sample_rate: 24000, num_channels: 1 });
  await serializer.serialize(frame(tone(24000, 0.02)));
  assert.equal(await serializer.serialize({ frame: "InterruptionFrame" }), '{"event":"clear","streamSid":"MZ1"}');
  const { media } = JSON.parse(await serializer.serialize(frame(new Int16Array(480))));
  assert.ok(decodeSamples(Buffer.from(media.payload, "base64")).every((sample) => sample === 0));
});

for (const given of [{ stream_sid: "MZ1" }, { ...QUIET, params: {}, call_sid: "..", account_sid: "AC", auth_token: "t" },
  { stream_sid: "MZ1", call_sid: "CA", account_sid: "AC", auth_token: "t", region: "evil/", edge: "e" }]) {
  test(`construction is refused with ${JSON.stringify(given)}`, () => {
    assert.throws(() => new TwilioFrameSerializer(given), ValueError);
  });
}

for (const data of ["", "null", "[]", "{", '{"event":"media","media":{"payload":"*"}}', Buffer.from([0xff]), "[".repeat(1e6)]) {
  test(`nothing comes of ${String(data).slice(0, 40)}`, async () => {
    assert.equal(await new TwilioFrameSerializer(QUIET).deserialize(data), null);
  });
}
