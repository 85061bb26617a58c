/** A request that was answered, as those are told of it who count them. Each field has few values, whatever clients send. */
export interface AnsweredRequest {
  readonly api: string;
  /** As the API's table calls it; `other` where there is none. */
  readonly operation: string;
  readonly status: number;
  /** From its headers to its answer's end. */
  readonly seconds: number;
}
