"""The mu-law of the suite is G.711's."""

import hashlib

import numpy as np
import pytest

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Samples, dbm0, peak_of, rms
from twilio_conformance.audio.metrics import fit_tones, ideal_sinad

EVERY_INPUT = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = bytes(range(256))


def sun_encode(samples: Samples) -> bytes:
    """The encoder of audioop: shifts before it takes the magnitude, so negatives count one step more."""
    shifted = np.asarray(samples, np.int64) >> 2
    magnitude = np.minimum(np.abs(shifted), 8159) + 33
    segment = np.minimum(np.floor(np.log2(magnitude)).astype(int) - 5, 7)
    code = np.where(magnitude > 0x1FFF, 0x7F, (segment << 4) | ((magnitude >> (segment + 1)) & 15))
    return (code ^ np.where(shifted < 0, 0x7F, 0xFF)).astype(np.uint8).tobytes()


def test_decision_values_are_those_of_the_recommendation() -> None:
    in_14_bits = ulaw.DECISION_VALUES // 4
    assert in_14_bits[[0, 1, 2, 16, 17, 32, 33, 112, 128]].tolist() == [0, 1, 3, 31, 35, 95, 103, 4063, 8159]


def test_decoding_is_the_table_that_all_decoders_share() -> None:
    digest = hashlib.sha256(ulaw.decode(EVERY_CODE).astype("<i2").tobytes()).hexdigest()
    assert digest == "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827"


def test_encoding_is_that_of_itus_reference_software() -> None:
    digest = hashlib.sha256(ulaw.encode(EVERY_INPUT)).hexdigest()
    assert digest == "90c29de505fb68e766118303bd552a16005dcf810873698bee1d8f3b247ce28c"


def test_the_other_encoder_of_these_tests_is_audioops() -> None:
    digest = hashlib.sha256(sun_encode(EVERY_INPUT)).hexdigest()
    assert digest == "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a"


def test_every_code_but_negative_zero_survives_a_round_trip() -> None:
    assert ulaw.encode(ulaw.decode(EVERY_CODE)) == EVERY_CODE.replace(b"\x7f", b"\xff")


def test_fractional_and_excessive_values_are_encoded() -> None:
    assert ulaw.encode(np.array([3.9, 4.0, -4.1, 1e6, -1e6])) == bytes([0xFF, 0xFE, 0x7E, 0x80, 0x00])


def test_digital_milliwatt_has_0_dbm0() -> None:
    """G.711's table 6: the codes of a 1 kHz sine of nominal 0 dBm0, which fix what dBm0 means."""
    milliwatt = ulaw.decode(bytes.fromhex("1e0b0b1e9e8b8b9e") * 10)
    assert dbm0(rms(milliwatt)) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("level", "sinad"),
    [(3.17, 39.0), (0, 36.9), (-10, 38.7), (-20, 36.8), (-30, 36.6), (-40, 32.5), (-50, 27.2), (-60, 17.2)],
)
def test_ideal_sinad_at_a_level(level: float, sinad: float) -> None:
    assert ideal_sinad(level) == pytest.approx(sinad, abs=0.06)


@pytest.mark.parametrize(("level", "sinad"), [(0, 37.1), (-10, 37.8), (-30, 35.9), (-40, 32.0), (-50, 26.7)])
def test_published_curve_comes_out_of_audioop_when_the_largest_decoded_value_is_full_scale(
    level: float, sinad: float
) -> None:
    """That curve's 0 dBm0 is 0.14 dB under the digital milliwatt: 32,124 stood for 3.17 dBm0."""
    peak = peak_of(level) * 32124 / 32636
    tone = np.rint(peak * np.sin(2 * np.pi * 1019.7 / 8000 * np.arange(8000))).astype(np.int16)
    assert fit_tones(ulaw.decode(sun_encode(tone)), 8000, [1019.7]).sinad_db == pytest.approx(sinad, abs=0.1)
