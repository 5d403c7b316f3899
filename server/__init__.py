"""The MCP server: tools, resources and prompts over the core and the integrations."""
