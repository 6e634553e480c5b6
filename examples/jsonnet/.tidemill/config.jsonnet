// Tasks made by functions; the functions live in a file of the same repository.
local tasks = import 'lib/tasks.libsonnet';

function(ctx) {
  runs: [
    {
      name: 'made by functions',
      tasks:
        [tasks.check(name) for name in ['format', 'types', 'imports']] +
        [
          tasks.shard(number, 2) { depends: ['types'] }
          for number in std.range(1, 2)
        ] +
        (if ctx.branch == 'main' then [tasks.publish(['shard 1 of 2', 'shard 2 of 2'])] else []),
    },
  ],
}
