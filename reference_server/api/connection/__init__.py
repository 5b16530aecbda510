"""What happens on one TCP connection, below ASGI: uvicorn's protocols with what the gateway needs besides."""
