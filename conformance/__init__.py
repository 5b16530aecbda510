"""Judge any deployed Tonpo gateway at a URL, against the contract in `spec/`, over real HTTP and a real WebSocket."""
