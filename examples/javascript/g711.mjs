// G.711 μ-law, as two tables made from its definition.

/** Samples a second on Twilio's wire. */
export const WIRE_RATE = 8000;

const BIAS = 33; // of 14-bit samples: moves the segments' borders to powers of two
const LARGEST = 8158;

const DECODED = Int16Array.from({ length: 256 }, (_, code) => {
  const bits = ~code & 0xff;
  const segment = (bits >> 4) & 7;
  const magnitude = 4 * ((((2 * (bits & 15) + BIAS) << segment) - BIAS));
  return bits & 0x80 ? -magnitude : magnitude;
});

const ENCODED = Uint8Array.from({ length: 65536 }, (_, index) => {
  const sample = (index << 16) >> 18; // 14 bits, rounded down
  const magnitude = Math.min(Math.abs(sample), LARGEST) + BIAS;
  const segment = 31 - Math.clz32(magnitude) - 5;
  const code = (segment << 4) | ((magnitude >> (segment + 1)) & 15);
  return code ^ (sample < 0 ? 0x7f : 0xff);
});

/** The 16-bit samples of μ-law codes. */
export function decodeSamples(codes) {
  const samples = new Int16Array(codes.length);
  for (let place = 0; place < codes.length; place += 1) samples[place] = DECODED[codes[place]];
  return samples;
}

/** The μ-law codes of 16-bit samples. */
export function encodeSamples(samples) {
  const codes = Buffer.allocUnsafe(samples.length);
  for (let place = 0; place < samples.length; place += 1) codes[place] = ENCODED[samples[place] & 0xffff];
  return codes;
}
