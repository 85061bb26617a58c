/** What cannot be read as HTTP/1.1 at all: no request comes of it, so the answer is written by hand. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { FastvmError, REQUEST_ID_HEADER, requestIdOf } from "@fastvm/contract";
import { isAnswering, linger } from "../../http/linger.ts";
import { lingerLimitsOf } from "../../http/strangers/visitor.ts";
import type { RenderError } from "./answer-error.ts";

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

export function answerUnreadable(render: RenderError) {
  return (error: Error & { readonly code?: string }, socket: Socket): void => {
    if (error.code === "ECONNRESET" || socket.destroyed) return;
    if (isAnswering(socket)) return void socket.destroy();
    if (socket.writable) socket.write(answer(STATUS_BY_CODE[error.code ?? ""] ?? 400, error, render));
    linger(socket, lingerLimitsOf({ socket }));
  };
}

function answer(status: number, error: Error, render: RenderError): string {
  const id = requestIdOf(undefined);
  const { headers, body } = render(new FastvmError("invalid_request", error.message), id);
  const text = JSON.stringify(body);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "connection: close",
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(text)}`,
    `${REQUEST_ID_HEADER}: ${id}`,
    "",
    text,
  ].join("\r\n");
}
