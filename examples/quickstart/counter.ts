/**
 * A process whose state is in memory only: it counts ten times a second and tells the number to
 * whoever asks. A VM in which it goes on counting from where it was cannot have been rebooted.
 */
const PORT = 9000;

/** Answers like a web server of one page. Of Python's library only what starts quickly: guests may be emulated. */
const PROGRAM = `
import socket, threading, time
count = 0
def tick():
    global count
    while True:
        count += 1
        time.sleep(0.1)
threading.Thread(target=tick, daemon=True).start()
server = socket.create_server(("127.0.0.1", ${PORT}))
while True:
    peer, _ = server.accept()
    peer.recv(4096)
    peer.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + str(count).encode())
    peer.close()
`;

/** Starts it in the background and waits until it answers. */
export const START_COUNTER = [
  `cat > /root/counter.py <<'PROGRAM'${PROGRAM}PROGRAM`,
  "nohup python3 /root/counter.py >/dev/null 2>&1 &",
  `until curl -sf http://127.0.0.1:${PORT}/ >/dev/null; do sleep 0.1; done`,
].join("\n");

export const READ_COUNTER = `curl -sf http://127.0.0.1:${PORT}/`;
