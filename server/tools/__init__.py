"""The MCP tools: those that look things up and those that do work."""
