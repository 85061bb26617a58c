/** When the answer's status is sent already, a failure is told in the result. 255 is what ssh(1) answers for its own failures. */
export const FAILED_EXIT_CODE = 255;
