"""For each check in code a serializer that it has to fail, and the program that grades them.

A program, because the network double and the clock are put into the process. It prints JSON: by check, its status for
the reference and for the broken serializer. With the argument `live` it grades by the checks of calls in real time.
"""

from __future__ import annotations

import json
import sys

from tests.proof.runner import Candidate, Runner, loader
from tests.serializers.broken import registry

BROKEN = {
    "abuse.a_message_that_cannot_be_json_raises_nothing_and_sends_nothing_invalid": "NanIsSent",
    "abuse.a_frame_is_the_same_after_serialize_as_before": "ChangesTheFrame",
    "abuse.a_cancelled_conversion_holds_up_nothing": "CancelledKeepsTheLock",
    "abuse.a_minute_of_call_leaves_nothing_in_memory": "KeepsTheCall",
    "abuse.both_channels_are_heard_and_do_not_wrap": "LeftChannelOnly",
    "abuse.sixty_thousand_messages_leave_nothing_in_memory": "KeepsEveryNumber",
    "abuse.speech_around_odd_frames_is_whole": "HalfSamplesShiftWhereConverted",
    "abuse.ten_seconds_in_one_frame_are_whole": "LongFramesCutWhereConverted",
    "clear.nothing_that_overlaps_an_interruption_follows_its_clear": "SentAfterBeingOvertaken",
    "construction.six_arguments_by_position_keep_their_order": "AccountBeforeCall",
    "construction.params_is_accepted_as_the_seventh_argument": "BaseUrlBeforeParams",
    "construction.the_instance_is_a_frame_serializer": "TracingWrapper",
    "construction.input_params_has_the_documented_defaults": "NoHangUpByDefault",
    "construction.input_params_extends_the_base_and_is_keyword_only": "PositionalParams",
    "construction.two_instances_keep_their_own_stream_and_call": "StreamOnTheClass",
    "construction.two_instances_keep_their_own_audio": "BufferForAll",
    "construction.two_instances_with_one_params_keep_their_own_rate": "RateInTheParams",
    "construction.the_base_class_is_initialized": "BaseNotInitialized",
    "construction.construction_does_no_io": "LooksUpTheHost",
    "construction.construction_needs_no_running_loop": "TaskOfTheConstructor",
    "construction.a_call_that_has_ended_leaves_nothing_behind": "KeepsSockets",
    "construction.no_call_keeps_the_event_loop": "LooksUpOnTheLoop",
    "continuity.words_between_silences_are_whole": "GateAfterSilence",
    "continuity.the_rate_of_input_params_sounds_as_that_of_a_pipeline": "RepeatedForInputParams",
    "continuity.a_voice_in_two_channels_sounds_as_in_one": "TwoChannelsWithoutAFilter",
    "continuity.calls_of_other_rates_and_streams_never_mix": "OneBufferForAllRates",
    "faults.a_body_without_end_is_not_taken_in": "ReadsEverything",
    "faults.a_cancellation_in_mid_request_propagates": "SwallowsCancellation",
    "faults.a_cancelled_attempt_is_not_the_last": "CancelledIsDone",
    "faults.the_loop_goes_on_while_twilio_takes_its_time": "BlocksTheLoop",
    "faults.three_terminal_frames_at_once_end_the_call_once": "FlagAfterTheRequest",
    "faults.giving_up_on_a_silent_server_leaves_a_record": "SilentTimeout",
    "fidelity.other_rates_keep_length_and_pitch": "UnknownRatesAre16kHz",
    "fidelity.the_telephone_band_passes": "Dull",
    "fidelity.silence_stays_silent": "ComfortNoise",
    "fidelity.no_offset_is_added": "Offset",
    "fidelity.peaks_are_clipped_and_never_wrapped": "WrappedPeaks",
    "hangup.no_connection_is_left_open": "ClientLeftOpen",
    "hangup.repetitions_have_pauses": "WithoutPauses",
    "hangup.retry_after_is_honoured": "RetryAfterUnread",
    "hangup.the_host_header_is_the_host_dialled": "HostOfTheDefaultRegion",
    "hangup.the_request_has_one_authorization_header": "TwoAuthorizationHeaders",
    "hangup.the_request_is_over_when_serialize_returns": "FireAndForget",
    "injection.a_call_sid_fills_one_segment_of_the_path": "RawCallSid",
    "injection.an_account_sid_fills_one_segment_of_the_path": "RawAccountSid",
    "injection.region_and_edge_fill_one_label_each": "RawRegion",
    "injection.a_stream_sid_stays_one_text_of_a_message": "RawStreamSid",
    "latency.added_latency_is_at_most_20_ms": "HeldBack40ms",
    "latency.the_end_of_an_utterance_comes_out": "TailHeldBack",
    "latency.nothing_of_the_interrupted_speech_follows_a_clear": "StaleAfterClear",
    "latency.a_long_pause_loses_nothing": "ClearedByALongPause",
    "media.every_kind_of_output_audio_is_sent": "KnownClassesOnly",
    "media.a_tone_from_twilio_keeps_its_frequency_and_length": "LabelWithoutConversion",
    "media.encoding_equals_a_reference_encoder": "RoundedByFormula",
    "media.a_tone_to_twilio_keeps_its_frequency_and_length": "AnyRateIs8000",
    "media.a_frame_holds_bytes_and_ints": "AudioInABytearray",
    "media.each_message_gives_a_frame_of_its_own": "OneFrameForAll",
    "media.a_timestamp_is_in_nanoseconds": "TimestampInMilliseconds",
    "messages.a_subclass_decides_which_messages_are_ignored": "NeverAsks",
    "secrecy.credentials_are_in_the_authorization_header_only": "TokenInTheQuery",
    "secrecy.no_log_and_no_output_holds_a_credential": "LogsTheException",
    "secrecy.no_other_host_gets_credentials": "CredentialsFollow",
    "secrecy.no_repr_and_no_exception_holds_a_credential": "ReprWithToken",
    "secrecy.no_request_goes_out_in_cleartext": "FallsBackToCleartext",
    "secrecy.no_value_in_a_traceback_is_a_credential": "HandsOnTheToken",
    "secrecy.the_callers_voice_is_not_logged": "LogsDamagedMessages",
    "secrecy.log_records_are_bounded": "LogsWithoutBound",
    "secrecy_traces.keys_are_not_logged": "LogsKeys",
    "secrecy_traces.no_log_holds_a_fragment_of_a_credential": "MaskedToken",
    "secrecy_traces.no_log_holds_a_fragment_of_the_callers_voice": "LogsSamples",
    "secrecy_traces.no_file_is_written_and_the_process_stays_as_it_is": "Recording",
    "secrecy_traces.no_other_host_is_contacted": "SendsMetrics",
    "setup.the_three_methods_are_awaitable": "PlainSetup",
}
"""Check to broken serializer; checks that take long are left to the proof."""

LIVE = {
    "live.a_malformed_message_does_not_end_the_call": "MalformedRaises",
    "live.an_echo_does_not_stall": "StallsInMidSpeech",
    "live.an_echo_has_no_break": "LosesChunks",
    "live.an_echo_is_returned_but_for_140_ms": "Holds300Milliseconds",
    "live.an_echo_is_returned_but_for_60_ms": "Holds120Milliseconds",
    "live.audio_that_is_held_up_on_its_way_is_not_lost": "DropsBursts",
    "live.every_key_reaches_the_pipeline": "KeysOnlyInSilence",
    "live.marks_come_back_and_do_no_harm": "SwallowsMarks",
    "live.nothing_is_sent_that_twilio_does_not_take": "ExtraMember",
    "live.nothing_of_interrupted_speech_follows_the_clear": "SpeaksOnAfterClear",
    "live.the_end_of_an_answer_is_heard": "KeepsTheEnd",
    "live.the_end_of_the_pipeline_hangs_up_once": "NeverHangsUp",
    "live.the_first_audio_is_back_after_160_ms_of_speech": "Holds200Milliseconds",
    "live.the_first_audio_is_back_after_80_ms_of_speech": "Holds100Milliseconds",
    "live.twenty_calls_at_once_do_not_mix": "SharedBuffer",
}
"""Check of whole calls to broken serializer."""

REFERENCE = "twilio_reference"


def checks_of(prefix: str) -> list[str]:
    """The checks above whose ids have this prefix."""
    return [name for name in BROKEN if name.partition(".")[0] == prefix]


def main() -> None:
    """Grade the reference by all of the checks, and each broken serializer by its own."""
    chosen = LIVE if sys.argv[1:] == ["live"] else BROKEN
    # Calls are in real time and wait for most of it.
    runner, broken = Runner(jobs=4 if chosen is LIVE else 2), registry.load()
    work = [(Candidate(REFERENCE, loader(REFERENCE)), [runner.tasks[check] for check in chosen])]
    work += [
        (Candidate(check, loader(broken[name].impl), isolated=True), [runner.tasks[check]])
        for check, name in chosen.items()
    ]
    found: dict[str, dict[str, str]] = {check: {} for check in chosen}
    for candidate, results in runner.grade(work):
        for outcomes in results.outcomes.values():
            for check, outcome in outcomes.items():
                found[check]["reference" if candidate.name == REFERENCE else "broken"] = outcome.status
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
