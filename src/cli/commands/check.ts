// `signalbox check`: reads install and routing files as `run` would and prints everything there is to say.

import { formatPath } from '../../schema/decode-context.ts';
import type { ConfigDocument } from '../../controlplane/config/document/document.ts';
import { findInstallFile } from '../../controlplane/config/install/install-file.ts';
import { hasEnvironmentOptions, listOrigins } from '../../controlplane/config/install/install-sources.ts';
import { migrationReport, type MigrationEntry } from '../../controlplane/config/install/migration.ts';
import { redactWritten } from '../../controlplane/config/redact.ts';
import { WHOLE_FILE } from '../../controlplane/config/install/whole-file.ts';
import type { Arguments } from '../arguments.ts';
import { checkFiles, checkInstall } from '../checked-files.ts';
import { formatDiagnostics, withoutConsequences } from '../format-diagnostic.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, type Io } from '../io.ts';
import { formatTable } from '../table.ts';

export async function check(args: Arguments, io: Io): Promise<number> {
  const config = args.flags.get('config')?.[0];
  const paths = [...args.positionals, ...(config === undefined ? [] : [config])];
  const found = paths.length === 0 ? await findInstallFile(io.environment) : null;
  if (paths.length === 0 && found === null && args.options.length === 0 && !hasEnvironmentOptions(io.environment)) {
    io.err(
      'check: name at least one file or directory, as in "signalbox check signalbox.yml"; there is none in the usual places\n',
    );
    return EXIT_USAGE;
  }
  const context = { environment: io.environment, options: args.options };
  const checked = paths.length === 0 ? await checkInstall(found, context) : await checkFiles(paths, context);
  const { documents } = checked;
  const { causes: diagnostics, disabled } = withoutConsequences(checked.diagnostics);
  const origins = args.flags.has('show-origin') ? documents.flatMap(shownOrigins) : null;
  const migration = args.flags.has('from-traefik') ? documents.flatMap(migrationReport) : null;
  const errors = diagnostics.filter((one) => one.severity === 'error').length;
  const failures = args.flags.has('strict') ? diagnostics.length : errors;
  if (args.flags.has('json')) {
    const report = {
      isValid: failures === 0,
      diagnostics,
      ...(disabled.length === 0 ? {} : { disabled }),
      ...(origins === null ? {} : { origins }),
      ...(migration === null ? {} : { migration }),
    };
    io.out(`${JSON.stringify(report, null, 2)}\n`);
    return failures > 0 ? EXIT_FAILED : EXIT_OK;
  }
  if (origins !== null) {
    const rows = origins.map(({ path, value, origin }) => [path, JSON.stringify(value), origin]);
    io.out(`${formatTable(['option', 'value', 'origin'], rows)}\n`);
  }
  if (migration !== null) io.out(`${migrationTable(migration)}\n`);
  io.out(formatDiagnostics(diagnostics, io));
  if (disabled.length > 0) io.out(`disabled by the errors above: ${disabled.join(', ')}\n`);
  const warnings = diagnostics.length - errors;
  io.out(`${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n`);
  return failures > 0 ? EXIT_FAILED : EXIT_OK;
}

function migrationTable(entries: readonly MigrationEntry[]): string {
  const rows = entries.map(({ path, verdict, note, place }) => [verdict, path, place, note]);
  return formatTable(['', 'option', 'where', ''], rows);
}

/** Of an install file; secrets are hidden, substitutions stand as written. */
function shownOrigins(document: ConfigDocument): { path: string; value: unknown; origin: string }[] {
  const shown = redactWritten(document.value, WHOLE_FILE);
  return listOrigins({ ...document, value: shown }).map(({ path, value, origin }) => ({
    path: formatPath(path),
    value: value ?? null,
    origin,
  }));
}
