{
  'targets': [{
    'target_name': 'longhaul_kv',
    # Every source under native/ but for the tests and benchmarks of the C++ code.
    'sources': ['<!@(node scripts/list-sources.mjs)'],
    'include_dirs': [
      'native',
      '<!(node -p "require(\'node:path\').dirname(require.resolve(\'node-addon-api\'))")',
      '<!(node -p "require(\'node-api-headers\').include_dir")',
    ],
    'defines': ['NAPI_VERSION=8', 'NODE_ADDON_API_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED', '_FILE_OFFSET_BITS=64'],
    'cflags_cc': ['-std=gnu++20', '-O3', '-fvisibility=hidden', '-Wall', '-Wno-psabi'],
    'ldflags': ['-Wl,--no-undefined-version', '-pthread'],
  }],
}
