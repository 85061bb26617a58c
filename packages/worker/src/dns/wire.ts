/** Numbers of the DNS wire format, RFC 1035 section 4 and RFC 6891. */

export const HEADER_BYTES = 12;
export const MAX_NAME_BYTES = 255;
/** After the owner's name: type, class, TTL, length. */
export const RECORD_FIXED_BYTES = 10;

export const FLAG_RESPONSE = 0x8000;
export const FLAG_TRUNCATED = 0x0200;
export const FLAG_RECURSION_DESIRED = 0x0100;
export const FLAG_RECURSION_AVAILABLE = 0x0080;
export const OPCODE_MASK = 0x7800;
export const RCODE_MASK = 0x000f;

export const CLASS_IN = 1;

export const TYPE_A = 1;
export const TYPE_CNAME = 5;
export const TYPE_SOA = 6;
export const TYPE_AAAA = 28;
export const TYPE_OPT = 41;
export const TYPE_SVCB = 64;
export const TYPE_HTTPS = 65;
export const TYPE_ANY = 255;

export const RCODE_OK = 0;
export const RCODE_FORMAT_ERROR = 1;
export const RCODE_SERVER_FAILURE = 2;
export const RCODE_NO_SUCH_NAME = 3;
export const RCODE_NOT_IMPLEMENTED = 4;
export const RCODE_REFUSED = 5;
/** Needs EDNS: its upper eight bits are in the OPT record. */
export const RCODE_BAD_VERSION = 16;
