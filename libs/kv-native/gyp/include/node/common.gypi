# Stands in for the file of this name in Node's header package, so that building needs no download: the addon uses
# Node-API alone, whose headers come from npm, and chooses its own compiler flags.
{
  'variables': {
    'node_engine%': 'v8',
    'openssl_fips%': '',
  },
  'target_defaults': {
    'default_configuration': 'Release',
    'configurations': {
      'Release': { 'defines': ['NDEBUG'] },
      'Debug': { 'cflags': ['-g'] },
    },
    'cflags': ['-fPIC', '-pthread'],
    'conditions': [
      ['OS=="mac"', {
        'xcode_settings': {
          'CLANG_CXX_LANGUAGE_STANDARD': 'gnu++20',
          'GCC_OPTIMIZATION_LEVEL': '3',
          'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
          'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
        },
      }],
    ],
  },
}
