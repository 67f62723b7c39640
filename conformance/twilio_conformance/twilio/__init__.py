"""The other side: Twilio's REST API, its media stream, and the time in which both run."""
