// Every code a diagnostic can have. They are stable: people search for them and programs tell by them. The reference
// page is generated from this table; a test holds it against the code.

export const DIAGNOSTIC_CODES = {
  syntax: 'The file is no valid YAML, JSON or TOML.',
  'file-unreadable': 'A file or directory cannot be read.',
  'file-too-large': 'A file is larger than the router reads.',
  'document-too-complex': 'A document holds too many values, follows aliases without end, or is nested too deeply.',
  'go-template': 'A file holds a Go template, which is not run.',
  'unknown-option': 'An option is misspelt or in the wrong place.',
  'misplaced-option': 'An option stands below or above where it belongs, nearly always by its indentation.',
  'wrong-type': 'A value is of another type than the option takes.',
  'invalid-value': 'A value is of the right type and not allowed.',
  'out-of-range':
    'A number, time or status is outside of what the option takes; the nearest that it takes, or the default, counts.',
  'wrong-kind-of-file':
    'A file is none of the kind it is read as, such as an install configuration among routing files, or one of Traefik 1.',
  'missing-option': 'A required option is not there.',
  'not-supported-yet':
    'An option of the reference that this version does not have. As an error, because going on without it would weaken security or change what the object means.',
  substitution: 'A `${…}` in a value names a variable that is not set or a file that cannot be read.',
  'option-without-effect': 'An option that another one overrides, or that cannot do anything the way it is written.',
  'deprecated-option': 'A name that the reference has given up for another one; it works all the same.',
  'forbidden-key': 'A name that would change the object it is in.',
  'duplicate-object':
    'Two files define an object of the same name, and the first counts, or two workloads, of which the older one counts; or a service names another one twice, whose weights are added.',
  'duplicate-key': 'A key stands twice in one map, or a table of TOML is defined twice; the first counts.',
  'rule-syntax': 'A rule does not parse, or a matcher’s argument is wrong.',
  'doubtful-rule':
    'A rule that does not do what it seems to: a part that no request can match, or a pattern that matches more than it says.',
  'dangling-reference': 'A router, chain, entry point or middleware names something that does not exist.',
  'unusable-reference': 'A router or chain names something that is disabled.',
  'refused-reference':
    'A label, or another word of a tenant, names a service of the router itself that the operator has not listed.',
  'reference-cycle': 'A chain contains itself.',
  'no-certificate': 'A router asks for a certificate that its certificates resolver cannot get.',
  'no-entry-point': 'A router has no entry point to listen on, or a changed configuration has none.',
  'address-taken': 'Two entry points have one address.',
  'unusable-path':
    'A file or directory that the router needs cannot be used: it is not there, of another kind, or open to others.',
  'not-bound': 'The address of an entry point cannot be had; the others are not affected.',
  'needs-restart': 'An option was changed that a running process cannot change.',
  'no-servers': 'A service has no servers.',
  'no-port': 'A service of a container, or another workload, has no port: none is exposed, and no label names one.',
  'no-address': 'A container, or another workload, cannot be reached from where the router is.',
  'no-rule': 'The default rule of a provider comes to nothing for a workload, or needs a label that it does not have.',
  'bad-server-url': 'The URL of a server cannot be used.',
  'path-ignored': 'The path in a server’s URL has no effect without preservePath.',
  'bad-certificate': 'A certificate and its key cannot be used.',
  'not-in-runtime': 'OpenSSL of this Node.js lacks what an option names; the rest of the option counts.',
  'tls-options-conflict':
    'Two routers want different TLS options for one host of an entry point; it gets the default ones, or those of the operator’s router where the other one is of labels.',
  'unguarded-api': 'The API would be open to others and is not served there, or is open for reading.',
  'unguarded-fallback': 'A router that kept people out has a rule that does not parse; its requests go elsewhere.',
  'last-good': 'An object cannot be read, and goes on as it last was.',
  pinned: 'An earlier snapshot is in force, and the newest configuration is held back until it is released.',
  'compile-failed': 'A configuration made the compiler fail, which is its fault; what was in force before stays.',
} as const;

export type DiagnosticCode = keyof typeof DIAGNOSTIC_CODES;
