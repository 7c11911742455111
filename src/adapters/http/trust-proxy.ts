/**
 * The proxies in front, which terminate TLS and say who the client is: `true` for one, the number of proxies that each
 * request passes, or their addresses and networks (`10.0.0.0/8`, `fd00::/8`). `false` for none.
 */
export type TrustProxy = boolean | number | readonly string[];
