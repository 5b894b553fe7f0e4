// encodedCharacters: refuses paths with characters that servers behind may decode and take for something else.

import { withDefault } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { boolean } from '../../../schema/scalar.ts';
import { FAILURES } from '../../http/failure.ts';
import { respondFailure } from '../../http/respond.ts';
import { defineMiddleware } from '../define.ts';

const allow = (what: string) => withDefault(boolean(), false, `Lets ${what} pass.`);

export const encodedCharacters = defineMiddleware({
  kind: 'encodedCharacters',
  summary: 'Refuses paths that hold certain characters percent-encoded.',
  description:
    'Every character is refused with 400 unless it is allowed here. Use it for services that decode paths themselves: `%2F` can lead them to another path than the one a rule has seen. What the entry point refuses (`http.encodedCharacters`, and `%00` always) does not get here.',
  options: object({
    allowEncodedSlash: allow('`%2F`'),
    allowEncodedBackSlash: allow('`%5C`'),
    allowEncodedNullCharacter: allow('`%00`'),
    allowEncodedSemicolon: allow('`%3B`'),
    allowEncodedPercent: allow('`%25`'),
    allowEncodedQuestionMark: allow('`%3F`'),
    allowEncodedHash: allow('`%23`'),
  }),
  create: (given) => {
    const refused = [
      given.allowEncodedSlash ? '' : '2F',
      given.allowEncodedBackSlash ? '' : '5C',
      given.allowEncodedNullCharacter ? '' : '00',
      given.allowEncodedSemicolon ? '' : '3B',
      given.allowEncodedPercent ? '' : '25',
      given.allowEncodedQuestionMark ? '' : '3F',
      given.allowEncodedHash ? '' : '23',
    ].filter((code) => code !== '');
    if (refused.length === 0) return (next) => next;
    const pattern = new RegExp(`%(?:${refused.join('|')})`, 'i');
    return (next) =>
      function encodedCharactersStage(exchange) {
        const { forwardPath } = exchange;
        if (forwardPath.includes('%') && pattern.test(forwardPath)) {
          respondFailure(exchange, FAILURES.badPath);
          return;
        }
        return next(exchange);
      };
  },
});
