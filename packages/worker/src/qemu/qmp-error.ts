/** QEMU's refusal of a command. */
export class QmpError extends Error {
  readonly command: string;
  /** QEMU's error class; nearly always `GenericError`. */
  readonly qmpClass: string;

  constructor(command: string, qmpClass: string, description: string) {
    super(`QEMU refused ${command}: ${description}`);
    this.name = "QmpError";
    this.command = command;
    this.qmpClass = qmpClass;
  }
}
