/** A VM whose guest has written a given amount, and does something while it is captured. */
import type { FastvmClient, Vm } from "fastvm";

/** From here on one random piece is written again and again: random bytes are slow under emulation. */
const PIECE_MIB = 16;
const PIECE = "/dev/shm/piece";
const MAKE_PIECE = `[ -e ${PIECE} ] || head -c ${PIECE_MIB}M /dev/urandom > ${PIECE}`;
/** A file of so many functions keeps the compiler busy for a second or two. */
const FUNCTIONS = 50;
const FUNCTION =
  'int f&(int a,int b){int s=0;for(int j=0;j<a;j++){s+=j*b^&;if(s>b)s-=a;}return s+printf("%d",s);}';
const PREPARE_COMPILE = `(echo '#include <stdio.h>'; seq ${FUNCTIONS} | sed 's/.*/${FUNCTION}/') > /tmp/functions.c`;
export const COMPILE = "gcc -O1 -c /tmp/functions.c -o /tmp/functions.o";
const CALM = "/run/calm";

export const GUESTS = ["idle", "compiling", "writing"] as const;
export type GuestWork = (typeof GUESTS)[number];

const WORK = {
  compiling: COMPILE,
  writing: `cat ${PIECE} > /dev/shm/churn`,
} as const;

export class GrownVm implements AsyncDisposable {
  readonly vm: Vm;
  readonly #client: FastvmClient;
  #writtenMib = 0;

  static async launch(client: FastvmClient, machineType: string): Promise<GrownVm> {
    const grown = new GrownVm(client, await client.vms.launch({ machineType }));
    await grown.run(`mount -o remount,size=90% /dev/shm; ${PREPARE_COMPILE}`);
    return grown;
  }

  private constructor(client: FastvmClient, vm: Vm) {
    this.#client = client;
    this.vm = vm;
  }

  async run(command: string): Promise<void> {
    const { exitCode, stderr } = await this.#client.vms.run(this.vm, command);
    if (exitCode !== 0) throw new Error(`"${command}" ended with ${exitCode}: ${stderr}`);
  }

  /** All of it counts that the guest was ever told to write. */
  async writeUpTo(mib: number): Promise<void> {
    await this.run(writeCommand(mib - this.#writtenMib));
    this.#writtenMib = mib;
  }

  /** Runs `work` while the guest does. */
  async while<T>(guest: GuestWork, work: () => Promise<T>): Promise<T> {
    if (guest === "idle") return await work();
    await this.run(`rm -f ${CALM}; ${MAKE_PIECE}`);
    const busy = this.run(`while [ ! -e ${CALM} ]; do ${WORK[guest]}; done`);
    try {
      return await Promise.race([work(), busy.then(endedEarly)]);
    } finally {
      await this.run(`touch ${CALM}`);
      await busy;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.vms.delete(this.vm);
  }
}

function endedEarly(): never {
  throw new Error("The guest's work ended before its captures");
}

/** Into the guest's memory, where it stays. */
export function writeCommand(mib: number): string {
  const file = "/dev/shm/written";
  if (mib <= PIECE_MIB) return `head -c ${mib}M /dev/urandom >> ${file}`;
  const whole = `for i in $(seq ${Math.floor(mib / PIECE_MIB)}); do cat ${PIECE}; done >> ${file}`;
  const rest = `head -c ${mib % PIECE_MIB}M ${PIECE} >> ${file}`;
  return `${MAKE_PIECE}; ${whole}; ${rest}`;
}
