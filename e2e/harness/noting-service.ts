/** A service in a guest that notes each request that it has had, and what tests send to it. */
import { once } from "node:events";

/** Under Python, which the base image has: each request is a line of the file, with the digest of its body. */
const SERVER = `
import base64, hashlib, http.server, threading
lock = threading.Lock()
def note(*words):
    with lock, open("/srv/seen", "a") as file: print(*words, file=file)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        note("GET", self.path)
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.write(bytes([129, 5]) + b"hello")
        self.rfile.read(1)
    def do_POST(self):
        digest = hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest()
        note("POST", digest)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(digest.encode())
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
Server(("127.0.0.1", 8080), Handler).serve_forever()
`;

export const NOTING_PORT = 8080;

/** For the shell; returns once it listens. */
export const START_NOTING = `mkdir -p /srv; cat >/srv/noting.py <<'END'
${SERVER}
END
: >/srv/seen; setsid python3 /srv/noting.py >/dev/null 2>&1 </dev/null &
until ss -ltn | grep -q :${NOTING_PORT}; do sleep 0.1; done`;

/** The first word that came; "refused" where there is no WebSocket. */
export async function firstWord(url: string): Promise<string> {
  const socket = new WebSocket(url);
  const refused = once(socket, "close").then(() => "refused");
  const word = once(socket, "message").then(([message]) => String((message as MessageEvent).data));
  const said = await Promise.race([word, refused]);
  socket.close();
  return said;
}
