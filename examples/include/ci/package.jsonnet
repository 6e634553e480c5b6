function(ctx) {
  runs: [{
    name: 'package',
    tasks: [{
      name: 'package',
      runtime: { type: 'host' },
      steps: [{ run: 'echo packaged ' + ctx.ref_type }],
    }],
  }],
}
