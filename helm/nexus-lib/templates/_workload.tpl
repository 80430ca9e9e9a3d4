{{- /* All objects of one service; nothing where one process holds them all. Takes the chart's own context. */ -}}
{{- define "nexus-lib.service" -}}
{{- if eq .Values.global.mode "split" -}}
{{- $platform := include "nexus-lib.platform" . | fromYaml -}}
{{- include "nexus-lib.workload" (dict "root" . "service" .Chart.Name "values" .Values "global" .Values.global "spec" (get $platform.services .Chart.Name)) -}}
{{- else if .Chart.IsRoot -}}
{{- fail (printf "The chart %s installs one service: for global.mode=monolith install the chart nexus." .Chart.Name) -}}
{{- end -}}
{{- end -}}

{{- /* The process that holds all services. Takes the umbrella's own context. */ -}}
{{- define "nexus-lib.monolith" -}}
{{- $platform := include "nexus-lib.platform" . | fromYaml -}}
{{- include "nexus-lib.workload" (dict "root" . "service" "nexus" "values" .Values.monolith "global" .Values.global "spec" $platform.monolith) -}}
{{- end -}}

{{- define "nexus-lib.workload" -}}
{{- include "nexus-lib.checks" . -}}
{{- $names := dict "name" (include "nexus-lib.fullname" .) "account" .service "role" "service" "suffix" "" -}}
{{- $service := merge $names . -}}
{{- $parts := list "serviceAccount" "configMap" "secretObjects" "certificate" "claim" "deployment" "services" "autoscaler" "disruptionBudget" "networkPolicies" "httpRoute" "ingress" -}}
{{- range $parts }}
{{- include (printf "nexus-lib.%s" .) $service }}
{{- end }}
{{- if .spec.database }}
{{- $migration := mergeOverwrite (dict) $service (dict "name" (printf "%s-migration" $service.name) "account" (printf "%s-migration" .service) "role" "migration") }}
{{- range list "serviceAccount" "configMap" "secretObjects" "migrationPolicy" "migrationJob" }}
{{- include (printf "nexus-lib.%s" .) $migration }}
{{- end }}
{{- end }}
{{- $test := mergeOverwrite (dict) $service (dict "name" (printf "%s-test" $service.name) "target" $service.name "account" (printf "%s-test" .service) "role" "test") }}
{{- range list "serviceAccount" "testPolicy" "testPod" }}
{{- include (printf "nexus-lib.%s" .) $test }}
{{- end }}
{{- end -}}

{{- /* What no schema can say: each with a sentence that says what to change. */ -}}
{{- define "nexus-lib.checks" -}}
{{- $who := .service -}}
{{- if gt (len .root.Release.Name) 38 -}}
{{- fail (printf "The release name %s is too long for the names that are made of it: choose one of at most 38 characters." .root.Release.Name) -}}
{{- end -}}
{{- if eq .global.environment "production" -}}
{{- if not .global.image.digest -}}
{{- fail "In production the image is named by its digest, so that every pod runs what was tested: set global.image.digest to sha256:…" -}}
{{- end -}}
{{- if not (hasPrefix "https://" .global.publicUrl) -}}
{{- fail (printf "In production clients come by TLS: set global.publicUrl to an https:// address instead of %s." .global.publicUrl) -}}
{{- end -}}
{{- end -}}
{{- if and (has "smtp" .spec.egress) (not .global.mail.enabled) (ne .global.environment "development") -}}
{{- fail (printf "Without a mail server no mail leaves the platform, and global.environment is %s: set global.mail.enabled=true." .global.environment) -}}
{{- end -}}
{{- $scale := include "nexus-lib.autoscaling" . | fromYaml -}}
{{- if gt (int $scale.minReplicas) (int $scale.maxReplicas) -}}
{{- fail (printf "The service %s would have at least %d pods and at most %d: raise %s.autoscaling.maxReplicas." $who (int $scale.minReplicas) (int $scale.maxReplicas) $who) -}}
{{- end -}}
{{- if .spec.database -}}
{{- $pool := include "nexus-lib.pool" . | fromYaml -}}
{{- if gt (add $pool.size $pool.overflow) 30 -}}
{{- fail (printf "A process of %s would hold %d + %d database connections and may hold 30: lower size or overflow of its pool." $who (int $pool.size) (int $pool.overflow)) -}}
{{- end -}}
{{- /* The umbrella holds the sum of all services against it. */ -}}
{{- if .root.Chart.IsRoot -}}
{{- include "nexus-lib.budget" (dict "global" .global "workloads" (list .)) -}}
{{- end -}}
{{- end -}}
{{- with .global.tls -}}
{{- if or (lt (mul 3 (int .renewBeforeHours)) (int .durationHours)) (ge (int .renewBeforeHours) (int .durationHours)) -}}
{{- fail (printf "A certificate that lives for %d hours is renewed at least a third of that before its end, and not at once: change global.tls.renewBeforeHours, which is %d." (int .durationHours) (int .renewBeforeHours)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
