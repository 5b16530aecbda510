// The documentation's WebSocket example; the gateway's host and the key come as arguments.
const [HOST, apiKey] = process.argv.slice(2);
const ws = new WebSocket(`ws://${HOST}/ws?api_key=${apiKey}`);

ws.onopen = () => {
    ws.send(JSON.stringify({
        type: "subscribe",
        symbols: ["EURUSD", "XAUUSD"],
        request_id: "req_001"
    }));
};

const seen = new Set();
ws.onmessage = (event) => {
    const msg = JSON.parse(event.data);
    if (msg.type === "subscribed") console.log("subscribed", msg.request_id);
    if (msg.type === "tick") {
        console.log(msg.symbol, msg.bid, msg.ask);
        seen.add(msg.symbol);
        if (seen.size === 2) ws.close();
    }
};
ws.onerror = (event) => { console.error("error", event.message); process.exitCode = 1; };
