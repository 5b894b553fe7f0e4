// A middleware of the user's own, as it travels to the threads that load it.

export interface PluginModule {
  /** Name in routing configuration. */
  readonly name: string;
  /** `file:` URL of the module. */
  readonly url: string;
}
