// A project as Agola's users write them: a matrix made in Jsonnet, caches, a workspace, regular
// expressions in conditions, containers. It is planned here as it stands; it needs a container engine.
local go_runtime(version, arch) = {
  type: 'pod',
  arch: arch,
  containers: [{ image: 'golang:' + version + '-bookworm' }],
};

local task_build_go(version, arch) = {
  name: 'build go ' + version + ' ' + arch,
  runtime: go_runtime(version, arch),
  working_dir: '/go/src/example.org/app',
  environment: {
    GO111MODULE: 'on',
    VERSION: version,
    TOKEN: { from_variable: 'buildtoken' },
  },
  steps: [
    { type: 'clone' },
    { type: 'restore_cache', keys: ['cache-sum-{{ md5sum "go.sum" }}', 'cache-date-'], dest_dir: '/go/pkg/mod/cache' },
    { type: 'run', name: 'build the program', command: 'make' },
    { type: 'run', name: 'install bats', command: 'git clone https://example.org/bats.git bats' },
    { type: 'save_cache', key: 'cache-sum-{{ md5sum "go.sum" }}', contents: [{ source_dir: '/go/pkg/mod/cache' }] },
    { type: 'save_cache', key: 'cache-date-{{ year }}-{{ month }}-{{ day }}', contents: [{ source_dir: '/go/pkg/mod/cache' }] },
    { type: 'save_to_workspace', contents: [{ source_dir: './bin', dest_dir: '/bin/', paths: ['*'] }] },
  ],
};

local task_build_image(version) = {
  name: 'build image ' + version,
  runtime: { arch: 'amd64', containers: [{ image: 'gcr.io/kaniko-project/executor:debug' }] },
  environment: { DOCKERAUTH: { from_variable: 'dockerauth' } },
  shell: '/busybox/sh',
  steps: [
    { type: 'restore_workspace', dest_dir: '.' },
    { type: 'run', name: 'build', command: '/kaniko/executor --destination registry/app:' + version },
  ],
  depends: ['build go ' + version + ' amd64'],
  when: { branch: 'master', tag: '/v\\d+\\.\\d+.*/' },
};

function(ctx) {
  runs: [
    {
      name: 'app build/test',
      tasks:
        [
          task_build_go(version, arch)
          for version in ['1.24', '1.25']
          for arch in ['amd64', 'arm64']
        ] +
        [task_build_image(version) for version in ['1.24', '1.25']],
      when: {
        branch: { include: ['/.*/'], exclude: ['/^wip-/'] },
        tag: '/.*/',
        ref: '#refs/pull/\\d+/head#',
      },
    },
  ],
}
