"""Where models run: credentials, the HTTP client, the embedded engine, the model store."""
