/**
 * What a call gives: a promise of its result that also hands out the answer itself. The answer's body was read already,
 * within the call's time limit and retries, so that `asResponse` has all of it.
 */

export interface Answered<Result> {
  readonly data: Result;
  readonly response: Response;
}

/** Whose answer is made when it is asked for: most want the result alone, and Node takes 40 ms to load what a Response is. */
export interface Read<Result> {
  readonly data: Result;
  readonly answer: () => Response;
}

export class ApiPromise<Result> extends Promise<Result> {
  readonly #read: Promise<Read<Result>>;

  /** What `then` makes is a plain promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  constructor(read: Promise<Read<Result>>) {
    super((resolve, reject) => {
      read.then(({ data }) => resolve(data), reject);
    });
    this.#read = read;
  }

  /** The result and the answer, whose body has been read. */
  async withResponse(): Promise<Answered<Result>> {
    const { data, answer } = await this.#handedOn();
    return { data, response: answer() };
  }

  /** The answer alone, its body still to be read. */
  async asResponse(): Promise<Response> {
    return (await this.#handedOn()).answer();
  }

  /** The same call with another result. */
  map<Other>(use: (data: Result) => Other | Promise<Other>): ApiPromise<Other> {
    return new ApiPromise(
      this.#handedOn().then(async ({ data, answer }) => ({ data: await use(data), answer })),
    );
  }

  /** Whoever has the answer hears of the failure there. */
  #handedOn(): Promise<Read<Result>> {
    this.catch(() => undefined);
    return this.#read;
  }
}

/** Statuses with which a Response may not have a body. */
const BODILESS_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

/** An answer like the one whose body has been read as this text. */
export function answerWith({ status, statusText, headers, url }: Response, text: string): Response {
  const body = BODILESS_STATUSES.has(status) ? null : text;
  const response = new Response(body, { status, statusText, headers });
  // It has none that could be given to its constructor.
  return Object.defineProperty(response, "url", { value: url });
}
