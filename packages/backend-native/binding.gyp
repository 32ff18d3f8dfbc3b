{
  'targets': [
    {
      'target_name': 'pollout',
      'sources': [
        'native/addon.cc',
        'native/address_arguments.cc',
        'native/adoption.cc',
        'native/backend.cc',
        'native/backend_sockets.cc',
        'native/blocking_connect.cc',
        'native/call_arguments.cc',
        'native/closing.cc',
        'native/connect_calls.cc',
        'native/connect_completion.cc',
        'native/descriptor_calls.cc',
        'native/error_queue.cc',
        'native/functions.cc',
        'native/poller.cc',
        'native/recycler.cc',
        'native/sink.cc',
        'native/slab.cc',
        'native/socket_address.cc',
        'native/socket_calls.cc',
        'native/socket_options.cc',
      ],
      'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
      'defines': [
        'NAPI_VERSION=9',
        'NAPI_DISABLE_CPP_EXCEPTIONS',
        # In a Worker that is being terminated nothing can be thrown: no reason to abort.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-std=gnu++23'],
      'cflags_cc': [
        '-std=c++17',
        '-O3',
        '-Wall',
        '-Wextra',
        # Set by scripts/build-addon.mjs in this repository only: on a user's machine a newer
        # compiler's newest warning must not cost them the addon.
        "<!(node -p \"process.env.POLLOUT_WERROR === '1' ? '-Werror' : '-Wno-error'\")",
        '-fvisibility=hidden',
        '-fvisibility-inlines-hidden',
      ],
    },
  ],
}
