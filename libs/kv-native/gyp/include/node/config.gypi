# Read by node-gyp in place of the running Node's build configuration, which is about that Node and not about us.
{
  'target_defaults': {},
  'variables': { 'node_engine': 'v8' }
}
