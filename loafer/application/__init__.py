"""The moving parts: asyncio over ports and domain; no SDK, no framework."""
