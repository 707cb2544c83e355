// Lets a sandbox process run from the TypeScript sources, as the specs do: Node strips the types itself.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    const relative = specifier.startsWith('.') && specifier.endsWith('.js');
    const fromSource = context.parentURL?.endsWith('.ts') === true;
    return next(relative && fromSource ? specifier.replace(/\.js$/, '.ts') : specifier, context);
  },
});
