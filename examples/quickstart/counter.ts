/**
 * A process whose state is in memory only: it counts ten times a second and tells the number to whoever asks. A VM in which it goes on counting
 * from where it was cannot have been rebooted.
 */
const PORT = 9000;

const PROGRAM = `
import http.server, threading, time
count = 0
def tick():
    global count
    while True:
        count += 1
        time.sleep(0.1)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(str(count).encode())
    def log_message(self, *_): pass
threading.Thread(target=tick, daemon=True).start()
http.server.HTTPServer(("127.0.0.1", ${PORT}), Answer).serve_forever()
`;

/** Starts it in the background and waits until it answers. */
export const START_COUNTER = [
  `cat > /root/counter.py <<'PROGRAM'${PROGRAM}PROGRAM`,
  "nohup python3 /root/counter.py >/dev/null 2>&1 &",
  `until curl -sf http://127.0.0.1:${PORT}/ >/dev/null; do sleep 0.1; done`,
].join("\n");

export const READ_COUNTER = `curl -sf http://127.0.0.1:${PORT}/`;
