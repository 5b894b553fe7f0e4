import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import {
  BasicOCSPResponse,
  CertID,
  CertStatus,
  id_pkix_ocsp_basic,
  OCSPResponse,
  OCSPResponseStatus,
  ResponderID,
  ResponseBytes,
  ResponseData,
  RevokedInfo,
  SingleResponse,
} from '@peculiar/asn1-ocsp';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { der, extension } from '../../core/x509/der.ts';
import { selfSigned } from '../../core/x509/self-signed.ts';
import type { Staple } from '../../model/message/staple.ts';
import type { KeyedCertificate } from '../../model/tls.ts';
import { RecordingLog } from '../../../test/support/recording-log.ts';
import { readOcspResponse } from './ocsp-response.ts';
import { ocspSubject, type OcspSubject } from './ocsp-subject.ts';
import { Stapler } from './stapler.ts';

const HOUR = 3_600_000;
const START = 1_700_000_000_000;
const RESPONDER = 'http://ocsp.example/';

/** AuthorityInfoAccess with one responder (RFC 5280 §4.2.2.1). */
const infoAccess = extension(
  '1.3.6.1.5.5.7.1.1',
  false,
  der(0x30, der(0x30, der(0x06, Buffer.from('2b06010505073001', 'hex')), der(0x86, Buffer.from(RESPONDER)))),
);

/** A certificate that is its own authority. */
function authority(name = 'a.example'): { spec: KeyedCertificate; subject: OcspSubject; key: string } {
  const made = selfSigned({ commonName: name, hosts: [name], nowMs: START, days: 30, extensions: [infoAccess] });
  const chain = made.certificate + made.certificate;
  const subject = ocspSubject(chain);
  if (typeof subject === 'string') throw new Error(subject);
  const spec = {
    name,
    certificate: chain,
    key: made.key,
    hosts: [name],
    keyType: 'ec',
    notBefore: 0,
    notAfter: 2 * START,
    isDefault: false,
  };
  return { spec, subject, key: made.key };
}

interface AnswerOptions {
  readonly from?: number;
  readonly until?: number | null;
  readonly status?: CertStatus;
  readonly algorithm?: string;
  readonly responseStatus?: OCSPResponseStatus;
}

function answer(subject: OcspSubject, key: string, options: AnswerOptions = {}): Uint8Array {
  const { from = START, until = START + 4 * HOUR, status = new CertStatus({ good: null }) } = options;
  const issuer = AsnConvert.parse(subject.issuer.raw, Certificate);
  const data = new ResponseData({
    responderID: new ResponderID({ byName: issuer.tbsCertificate.subject }),
    producedAt: new Date(from),
    responses: [
      new SingleResponse({
        certID: new CertID({
          hashAlgorithm: new AlgorithmIdentifier({ algorithm: '1.3.14.3.2.26', parameters: null }),
          issuerNameHash: new OctetString(subject.nameHash),
          issuerKeyHash: new OctetString(subject.keyHash),
          serialNumber: new Uint8Array(subject.serial).buffer,
        }),
        certStatus: status,
        thisUpdate: new Date(from),
        ...(until === null ? {} : { nextUpdate: new Date(until) }),
      }),
    ],
  });
  const signature = sign('sha256', Buffer.from(AsnConvert.serialize(data)), createPrivateKey(key));
  const basic = new BasicOCSPResponse({
    tbsResponseData: data,
    signatureAlgorithm: new AlgorithmIdentifier({ algorithm: options.algorithm ?? '1.2.840.10045.4.3.2' }),
    signature: new Uint8Array(signature).buffer,
  });
  const response = new OCSPResponse({
    responseStatus: options.responseStatus ?? OCSPResponseStatus.successful,
    responseBytes: new ResponseBytes({
      responseType: id_pkix_ocsp_basic,
      response: new OctetString(AsnConvert.serialize(basic)),
    }),
  });
  return new Uint8Array(AsnConvert.serialize(response));
}

const revoked = new CertStatus({ revoked: new RevokedInfo({ revocationTime: new Date(START - HOUR) }) });

describe('an answer', () => {
  const { subject, key } = authority();

  test('says good or revoked, and until when', () => {
    expect(readOcspResponse(answer(subject, key), subject, START)).toEqual({
      state: 'good',
      thisUpdate: START,
      nextUpdate: START + 4 * HOUR,
    });
    expect(readOcspResponse(answer(subject, key, { status: revoked }), subject, START)).toMatchObject({
      state: 'revoked',
    });
    expect(readOcspResponse(answer(subject, key, { until: null }), subject, START)).toMatchObject({
      nextUpdate: START + HOUR,
    });
  });

  test.each<[string, AnswerOptions, string]>([
    ['too early', { from: START + HOUR }, 'is for a time to come'],
    ['too late', { from: START - 9 * HOUR, until: START - HOUR }, 'was good until'],
    ['of an unknown certificate', { status: new CertStatus({ unknown: null }) }, 'does not know the certificate'],
    ['with a weak signature', { algorithm: '1.2.840.10045.4.1' }, 'is signed with 1.2.840.10045.4.1'],
    ['that refuses', { responseStatus: OCSPResponseStatus.tryLater }, 'answered tryLater'],
  ])('%s is not taken', (_, options, problem) => {
    expect(readOcspResponse(answer(subject, key, options), subject, START)).toContain(problem);
  });

  test('of another authority, about another certificate, or cut short, is not taken', () => {
    const other = authority('b.example');
    expect(readOcspResponse(answer(subject, other.key), subject, START)).toContain('nobody who may has signed');
    const renamed = { ...subject, serial: Buffer.from([1]) };
    expect(readOcspResponse(answer(renamed, key), subject, START)).toContain('about another certificate');
    const whole = answer(subject, key);
    for (const length of [0, 1, 40, whole.length - 1]) {
      expect(readOcspResponse(whole.subarray(0, length), subject, START)).toBe('the answer is no OCSP response');
    }
  });

  test('with a changed byte is never good', () => {
    const whole = answer(subject, key);
    for (let at = 0; at < whole.length; at++) {
      const changed = Uint8Array.from(whole);
      changed[at]! ^= 1;
      const read = readOcspResponse(changed, subject, START);
      // Bytes outside of what is signed may be read in more than one way: what is said stays the same.
      if (typeof read !== 'string') expect(read).toEqual(readOcspResponse(whole, subject, START));
    }
  });
});

test('a certificate without a responder, or without its issuer, has nobody to ask', () => {
  const plain = selfSigned({ commonName: 'a', hosts: [], nowMs: START, days: 1 });
  expect(ocspSubject(plain.certificate)).toBe('the certificate names no OCSP responder that speaks HTTP');
  const { spec } = authority();
  expect(ocspSubject(new X509Certificate(spec.certificate).toString())).toContain('holds no certificate of the issuer');
});

/** A stapler whose time and responder the test moves. */
function run(respond: (url: string) => Promise<Uint8Array>) {
  const clock = new ManualClock(START);
  const timers: { at: number; run: () => void }[] = [];
  const published: Staple[] = [];
  const asked: string[] = [];
  const log = new RecordingLog();
  const stapler = new Stapler({
    overrides: {},
    clock,
    log,
    random: () => 0,
    setTimer: (ms, callback) => {
      const timer = { at: clock.now() + ms, run: callback };
      timers.push(timer);
      return () => timers.splice(timers.indexOf(timer), 1);
    },
    ask: (url) => {
      asked.push(url);
      return respond(url);
    },
    publish: (staples) => published.push(...staples),
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    stapler,
    clock,
    published,
    asked,
    log,
    settle,
    advance: async (ms: number): Promise<void> => {
      clock.advance(ms);
      for (const timer of timers.filter(({ at }) => at <= clock.now())) {
        timers.splice(timers.indexOf(timer), 1);
        timer.run();
      }
      await settle();
    },
  };
}

describe('the stapler', () => {
  test('asks again within the hour, and keeps what it has while the responder is down', async () => {
    const { spec, subject, key } = authority();
    let isDown = false;
    const { stapler, advance, published, asked, settle, log } = run(() =>
      isDown ? Promise.reject(new Error('down')) : Promise.resolve(answer(subject, key, { until: START + 3 * HOUR })),
    );
    stapler.setCertificates([spec]);
    await settle();
    expect(published).toHaveLength(1);
    isDown = true;
    await advance(HOUR);
    expect(asked).toHaveLength(2);
    expect(stapler.status()).toMatchObject([{ state: 'good', nextUpdate: START + 3 * HOUR, problem: 'down' }]);
    expect(published).toHaveLength(1);
    expect(log.text()).toContain('no answer that can be used');
    // At its end it is taken back, whatever else is planned.
    for (let at = HOUR; at < 3 * HOUR; at += 60_000) await advance(60_000);
    expect(published.at(-1)).toEqual({ certificate: 'a.example', response: null });
    expect(stapler.status()).toMatchObject([{ state: 'pending', nextUpdate: null }]);
    expect(stapler.failed).toBeGreaterThan(3);
  });

  test('takes back what it handed out when the certificate is revoked', async () => {
    const { spec, subject, key } = authority();
    let status = new CertStatus({ good: null });
    const { stapler, advance, published, settle } = run(() => Promise.resolve(answer(subject, key, { status })));
    stapler.setCertificates([spec]);
    await settle();
    status = revoked;
    await advance(HOUR);
    expect(published.map(({ response }) => response === null)).toEqual([false, true]);
    expect(stapler.status()).toMatchObject([{ state: 'revoked', nextUpdate: null }]);
  });

  test('asks at most eight at a time, and forgets certificates that are gone', async () => {
    const all = Array.from({ length: 20 }, (_, index) => authority(`h${index}.example`));
    const waiting: (() => void)[] = [];
    const { stapler, asked, published, settle } = run(
      () => new Promise((_, reject) => waiting.push(() => reject(new Error('late')))),
    );
    stapler.setCertificates(all.map(({ spec }) => spec));
    await settle();
    expect(asked).toHaveLength(8);
    stapler.setCertificates(all.slice(19).map(({ spec }) => spec));
    for (const fail of waiting.splice(0)) fail();
    await settle();
    expect(asked).toHaveLength(9);
    expect(stapler.status()).toHaveLength(1);
    expect(published).toEqual([]);
    stapler.stop();
  });
});
