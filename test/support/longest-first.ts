// The order of test files where nothing is known of how long they take: what runs through all examples of a page begins
// first. Begun last, each would run alone, with nobody beside it to wait for.

import { BaseSequencer, type TestSpecification } from 'vitest/node';

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isOfPage = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('-docs.test.ts');
    return [...sorted.filter(isOfPage), ...sorted.filter((file) => !isOfPage(file))];
  }
}
