import { describe, expect, test } from 'vitest';
import { parsePairs } from './pairs.ts';

describe('targets', () => {
  test.each([
    ['3000', 'http://localhost:3000'],
    [':3000', 'http://localhost:3000'],
    ['127.0.0.1:3000', 'http://127.0.0.1:3000'],
    ['[::1]:3000', 'http://[::1]:3000'],
    ['web:80', 'http://web'],
    ['http://web/', 'http://web'],
    ['https://web:8443', 'https://web:8443'],
    ['h2c://127.0.0.1:50051', 'h2c://127.0.0.1:50051'],
  ])('%s is %s', (target, url) => {
    expect(parsePairs(['app.localhost', target])).toEqual([{ name: 'app.localhost', url }]);
  });

  test.each([
    ['99999', /no address: ports end at 65535; write a port/],
    ['0', /port 0/],
    ['web', /"web" has no port; write "web:3000"/],
    ['ftp://web:21', /speaks ftp, and only http, https and h2c/],
    ['http://web:80/api', /requests keep the path they come with; write "http:\/\/web"/],
    ['http://me@web:80', /more than an address/],
    ['http://', /no address/],
    ['a b', /no address/],
  ])('%s is refused, with what to write', (target, expected) => {
    expect(() => parsePairs(['app.localhost', target])).toThrow(expected);
  });
});

describe('names', () => {
  test('one target alone is served as localhost', () => {
    expect(parsePairs(['3000'])).toEqual([{ name: 'localhost', url: 'http://localhost:3000' }]);
    expect(parsePairs(['127.0.0.1:3000'])).toEqual([{ name: 'localhost', url: 'http://127.0.0.1:3000' }]);
  });

  test('several pairs, in any case', () => {
    expect(parsePairs(['App.localhost', '3000', 'api.test', '4000']).map(({ name }) => name)).toEqual([
      'app.localhost',
      'api.test',
    ]);
  });

  test('those of other alphabets are as browsers write them, and addresses are those that listen', () => {
    const words = ['bücher.localhost', '1', '[::1]', '2', '127.0.0.1', '3'];
    expect(parsePairs(words).map(({ name }) => name)).toEqual(['xn--bcher-kva.localhost', '::1', '127.0.0.1']);
    expect(() => parsePairs(['192.168.1.5', '3000'])).toThrow(
      /no address that leads here: .* 127\.0\.0\.1 and ::1 alone/,
    );
  });

  test.each([
    [['app.localhost'], /"app.localhost" has no target; write where its server listens/],
    [['a.localhost', '3000', 'b.localhost'], /"b.localhost" has no target; names and targets come in pairs/],
    [['3000', 'app.localhost'], /"3000" stands where a name is expected; the name comes first/],
    [['http://a.localhost', '3000'], /the name comes first/],
    [['a.localhost', '1', 'A.localhost', '2'], /"A.localhost" is given twice/],
    [['a.localhost:8443', '3000'], /write "a.localhost" and --port 8443/],
    [['*.localhost', '3000'], /no name that a browser can ask for/],
    [['a/b', '3000'], /no name that a browser can ask for/],
    [['app', '3000'], /write "app.localhost", which browsers look for on this machine/],
  ])('%s is refused, with what to write', (words, expected) => {
    expect(() => parsePairs(words)).toThrow(expected);
  });
});
