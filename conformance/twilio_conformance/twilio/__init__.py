"""Twilio's side of a call: its REST API, its media stream, and the clock that both share with the client."""
