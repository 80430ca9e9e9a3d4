{{- /* The secrets of a service: by the name of the file, the variable that names it and the key it is kept under. */ -}}
{{- define "nexus-lib.secretFiles" -}}
{{- $files := dict -}}
{{- if .spec.database -}}
{{- $key := ternary .values.secrets.migrationKey "database-url" (eq .role "migration") -}}
{{- $_ := set $files "database-url" (dict "variable" "DATABASE_URL_FILE" "key" $key) -}}
{{- end -}}
{{- if has "redis" .spec.egress -}}
{{- $_ := set $files "redis-url" (dict "variable" "REDIS_URL_FILE" "key" "redis-url") -}}
{{- end -}}
{{- with .values.admin -}}
{{- $_ := set $files "auth-secret" (dict "variable" "AUTH_SECRET_FILE" "key" "auth-secret") -}}
{{- if .email -}}
{{- $_ := set $files "admin-password" (dict "variable" "ADMIN_PASSWORD_FILE" "key" "admin-password") -}}
{{- end -}}
{{- end -}}
{{- if and (has "smtp" .spec.egress) .global.mail.enabled -}}
{{- $_ := set $files "smtp-url" (dict "variable" "SMTP_URL_FILE" "key" "smtp-url") -}}
{{- end -}}
{{- if (.values.routesFile).enabled -}}
{{- $_ := set $files "gateway-routes" (dict "variable" "GATEWAY_ROUTES_FILE" "key" "gateway-routes") -}}
{{- end -}}
{{- toYaml $files -}}
{{- end -}}

{{- /* A value as the text that the environment holds: large whole numbers come as floating point. */ -}}
{{- define "nexus-lib.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{- /* The environment of a process, as YAML. */ -}}
{{- define "nexus-lib.environment" -}}
{{- $env := dict -}}
{{- range $name, $value := mergeOverwrite (deepCopy .global.config) (deepCopy .values.config) -}}
{{- if ne (toString $value) "" -}}
{{- $_ := set $env $name (include "nexus-lib.text" $value) -}}
{{- end -}}
{{- end -}}
{{- $own := dict
  "NODE_ENV" "production"
  "NEXUS_ENV" .global.environment
  "NEXUS_DATA_DIR" "/var/lib/nexus"
  "PUBLIC_URL" .global.publicUrl
  "HOST" "0.0.0.0"
  "MANAGEMENT_HOST" "0.0.0.0"
  "MANAGEMENT_PORT" "9180"
  "SHUTDOWN_DRAIN_MS" (toString (int .values.shutdown.drainMs))
  "SHUTDOWN_IDLE_MS" (toString (int .values.shutdown.idleMs))
  "SHUTDOWN_TIMEOUT_MS" (toString (int .values.shutdown.timeoutMs))
-}}
{{- if eq .spec.portName "http" -}}
{{- $_ := set $own "PORT" (toString .spec.port) -}}
{{- $_ := set $own "GATEWAY_REPLICAS" (include "nexus-lib.maxPods" .) -}}
{{- else -}}
{{- $_ := set $own (printf "NEXUS_%s_PORT" (upper .service)) (toString .spec.port) -}}
{{- end -}}
{{- $platform := include "nexus-lib.platform" . | fromYaml -}}
{{- range .spec.calls -}}
{{- $host := include "nexus-lib.host" (merge (dict "peer" .) $) -}}
{{- $_ := set $own (printf "NEXUS_%s_URL" (upper .)) (printf "https://%s:%d" $host (int (get $platform.services .).port)) -}}
{{- end -}}
{{- if .spec.database -}}
{{- $pool := include "nexus-lib.pool" . | fromYaml -}}
{{- $_ := set $own "DATABASE_POOL_SIZE" (toString (add $pool.size $pool.overflow)) -}}
{{- $_ := set $own "DATABASE_POOL_TIMEOUT_MS" (toString (mul 1000 (int $pool.timeoutSeconds))) -}}
{{- end -}}
{{- with (.values.admin).email -}}
{{- $_ := set $own "ADMIN_EMAIL" . -}}
{{- end -}}
{{- range $file, $secret := include "nexus-lib.secretFiles" . | fromYaml -}}
{{- $_ := set $own $secret.variable (printf "/etc/nexus/secrets/%s" $file) -}}
{{- end -}}
{{- if eq (include "nexus-lib.hasIdentity" .) "true" -}}
{{- $_ := set $own "TRUST_DOMAIN" .global.tls.trustDomain -}}
{{- $_ := set $own "TLS_CERT_FILE" "/etc/nexus/tls/tls.crt" -}}
{{- $_ := set $own "TLS_KEY_FILE" "/etc/nexus/tls/tls.key" -}}
{{- $_ := set $own "TLS_CA_FILE" (ternary (printf "/etc/nexus/ca/%s" .global.tls.bundle.key) "/etc/nexus/tls/ca.crt" (ne .global.tls.bundle.configMap "")) -}}
{{- end -}}
{{- mergeOverwrite $env $own | toYaml -}}
{{- end -}}

{{- /* Its checksum is an annotation of the pods: they are replaced when it changes, and those of no other service. */ -}}
{{- define "nexus-lib.configMap" }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
data:
  {{- include "nexus-lib.environment" . | nindent 2 }}
{{- end -}}
