import type { DynamicModule, Type } from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/internal';

type Import = Type | DynamicModule;

/** Every controller of a module and of what it imports. */
export function collectControllers(root: Type): Type[] {
  const seen = new Set<unknown>();
  const controllers: Type[] = [];
  const visit = (entry: Import) => {
    const module = 'module' in entry ? entry.module : entry;
    if (seen.has(module)) return;
    seen.add(module);
    const read = <T>(key: string) => (Reflect.getMetadata(key, module) ?? []) as T[];
    controllers.push(...read<Type>(MODULE_METADATA.CONTROLLERS));
    for (const inner of read<Import>(MODULE_METADATA.IMPORTS)) visit(inner);
    if ('module' in entry) {
      controllers.push(...((entry.controllers ?? []) as Type[]));
      for (const inner of (entry.imports ?? []) as Import[]) visit(inner);
    }
  };
  visit(root);
  return [...new Set(controllers)];
}
