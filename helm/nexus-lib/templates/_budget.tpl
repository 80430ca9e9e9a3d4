{{- /*
The most connections that workloads can open at PostgreSQL, while a rollout has its surge: (pods at most + surge) x
connections of one process. Fails where the server has fewer. Takes global and workloads, a list of contexts.
*/ -}}
{{- define "nexus-lib.budget" -}}
{{- $global := .global -}}
{{- if not $global.postgres.pgbouncer.enabled -}}
{{- $sum := int $global.postgres.reservedConnections -}}
{{- $parts := list -}}
{{- range .workloads -}}
{{- $pods := add (include "nexus-lib.maxPods" .) $global.rollout.maxSurge -}}
{{- $pool := include "nexus-lib.pool" . | fromYaml -}}
{{- $each := add $pool.size $pool.overflow -}}
{{- $sum = add $sum (mul $pods $each) -}}
{{- $parts = append $parts (printf "%s %d pods with %d each" .service $pods $each) -}}
{{- end -}}
{{- if gt (int $sum) (int $global.postgres.maxConnections) -}}
{{- fail (printf "The platform may open %d database connections and PostgreSQL takes %d (%s; %d reserved). Lower autoscaling.maxReplicas of a service or global.autoscaling.maxReplicas, or the pool in global.postgres.pools.%s; or raise max_connections of the server and global.postgres.maxConnections with it; or put PgBouncer between them and set global.postgres.pgbouncer.enabled." (int $sum) (int $global.postgres.maxConnections) (join ", " $parts) (int $global.postgres.reservedConnections) $global.environment) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The budget of all services that the umbrella installs. Takes its own context. */ -}}
{{- define "nexus-lib.platformBudget" -}}
{{- $root := . -}}
{{- $platform := include "nexus-lib.platform" . | fromYaml -}}
{{- $workloads := list -}}
{{- range $name, $spec := $platform.services -}}
{{- $values := get $root.Values $name -}}
{{- if and $spec.database $values.enabled -}}
{{- $workloads = append $workloads (dict "service" $name "values" $values "global" $root.Values.global) -}}
{{- end -}}
{{- end -}}
{{- include "nexus-lib.budget" (dict "global" .Values.global "workloads" $workloads) -}}
{{- end -}}
