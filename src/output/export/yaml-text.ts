import { stringify } from 'yaml';

/** As YAML that readers of version 1.1, such as kubectl, understand alike: a text such as `yes` is quoted. */
export const yamlText = (value: unknown): string =>
  stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, compat: 'yaml-1.1' });
