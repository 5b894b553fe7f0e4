// What must not be read by whoever sees a log, an API answer or a diagnostic: values of names that stand for secrets,
// and what URLs say of a user. One place for everything that is shown.

/** Traefik's sign for it. */
export const HIDDEN = 'xxxx';

const SECRET_NAME =
  /(?:^|[-_.])(?:authorization|cookie|auth)$|token|secret|passw|pwd|api[-_]?key|access[-_]?key|credential|private/i;

/** Whether a header field, query parameter or option of this name holds a secret, as far as a name tells. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

const USER_OF_URL = /([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'`<>]*@/gi;
const QUERY_PARAMETER = /([?&]([^=&\s"'`?#]+)=)[^&\s"'`#<>]+/g;

/** The text without users of URLs and values of secret query parameters. */
export function hideSecrets(text: string): string {
  let shown = text.includes('@') && text.includes('://') ? text.replace(USER_OF_URL, `$1${HIDDEN}@`) : text;
  if (/[?&]/.test(shown)) {
    shown = shown.replace(QUERY_PARAMETER, (whole: string, start: string, name: string) =>
      isSecretName(name) ? start + HIDDEN : whole,
    );
  }
  return shown;
}

/** A text that should be a URL and may be none: whatever stands before its last `@` is a user. */
export function hideUser(url: string): string {
  const at = url.lastIndexOf('@');
  if (at < 0) return url;
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0] ?? '';
  return `${scheme}${HIDDEN}${url.slice(at)}`;
}
