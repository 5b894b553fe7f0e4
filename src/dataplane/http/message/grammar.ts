// Words of HTTP's grammar that several fields and both protocols have in common (RFC 9110 §5.6).

export const TOKEN_TEXT = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
/** RFC 9110 §5.6.2. */
export const TOKEN = new RegExp(`^${TOKEN_TEXT}$`);
/** As in Content-Length: as many digits as a number holds, and a few more that are then told to be too many. */
export const DECIMAL = /^[0-9]{1,16}$/;
