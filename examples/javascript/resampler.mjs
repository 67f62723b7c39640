// A streaming resampler: a windowed sinc in as many phases as the two rates have in common.

const ZEROS = 16; // zero crossings on each side: 2 ms at 8000 Hz
const BETA = 6; // of the Kaiser window: 60 dB of attenuation
const PHASES_KEPT = 4096;

/** Converts one stream of audio from one rate to another, in pieces of any size, and withholds about 2 ms. */
export class Resampler {
  #step; // of the output, in units of 1/#phases of an input sample
  #phases;
  #half; // input samples that the filter reaches to each side
  #taps;
  #kept; // input that later output needs
  #first = 0; // the place of the first kept sample
  #place = 0; // of the next output sample, in units as #step

  /** @param from, to rates in Hz */
  constructor(from, to) {
    const common = gcd(from, to);
    this.from = from;
    this.#phases = to / common;
    this.#step = from / common;
    this.#taps = tapsFor(from, to);
    this.#half = from === to ? 0 : Math.ceil(ZEROS / Math.min(1, to / from));
    this.#kept = new Int16Array(this.#half);
    this.#first = -this.#half;
  }

  /** The output that these samples make possible. */
  take(samples) {
    if (this.#half === 0) return samples;
    const input = new Int16Array(this.#kept.length + samples.length);
    input.set(this.#kept);
    input.set(samples, this.#kept.length);
    const reach = this.#first + input.length - this.#half; // output before this place has all that it needs
    const count = Math.max(0, Math.ceil((reach * this.#phases - this.#place) / this.#step));
    const output = new Int16Array(count);
    for (let index = 0; index < count; index += 1) {
      const whole = Math.floor(this.#place / this.#phases);
      const taps = this.#taps(this.#place - whole * this.#phases);
      let at = whole - this.#first - this.#half + 1;
      let sum = 0;
      for (let tap = 0; tap < taps.length; tap += 1) sum += taps[tap] * input[at++];
      output[index] = Math.max(-32768, Math.min(32767, Math.round(sum)));
      this.#place += this.#step;
    }
    const needed = Math.floor(this.#place / this.#phases) - this.#half + 1;
    const spent = Math.max(0, Math.min(needed - this.#first, input.length));
    this.#kept = input.slice(spent);
    this.#first += spent;
    return output;
  }

  /** What is still withheld, as if silence followed. */
  finish() {
    return this.take(new Int16Array(this.#half));
  }
}

const tapsByRates = new Map();

/** The filter of each phase, made when it is first needed and shared by all streams of these rates. */
function tapsFor(from, to) {
  const key = `${from} ${to}`;
  if (!tapsByRates.has(key)) {
    const phases = to / gcd(from, to);
    const made = new Map();
    tapsByRates.set(key, (phase) => {
      let taps = made.get(phase);
      if (!taps) {
        taps = filter(phase / phases, Math.min(1, to / from));
        if (made.size < PHASES_KEPT) made.set(phase, taps);
      }
      return taps;
    });
  }
  return tapsByRates.get(key);
}

/** Taps of an output sample that lies `offset` of a sample behind an input sample; the band is a part of the input's. */
function filter(offset, band) {
  const half = Math.ceil(ZEROS / band);
  const taps = Float64Array.from({ length: 2 * half }, (_, tap) => {
    const distance = tap - half + 1 - offset;
    return sinc(distance * band) * kaiser(distance / half);
  });
  const gain = taps.reduce((sum, tap) => sum + tap, 0);
  return taps.map((tap) => tap / gain);
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x) {
  return Math.abs(x) >= 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA);
}

/** The modified Bessel function of order 0. */
function bessel(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}
