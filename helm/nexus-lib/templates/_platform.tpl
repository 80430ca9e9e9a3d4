{{- /* What the services declare of themselves: ports, calls and egress. Generated from the code by `npm run generate`; do not edit. */ -}}
{{- define "nexus-lib.platform" -}}
services:
  gateway:
    port: 8080
    portName: http
    database: false
    calls:
      - auth
      - user
      - project
      - file
      - notification
    callers: []
    egress:
      - redis
  auth:
    port: 8081
    portName: https
    database: true
    calls:
      - user
    callers:
      - gateway
      - user
      - project
      - file
      - notification
    egress:
      - postgres
      - redis
  user:
    port: 8082
    portName: https
    database: true
    calls:
      - auth
    callers:
      - gateway
      - auth
      - project
    egress:
      - postgres
      - redis
  project:
    port: 8083
    portName: https
    database: true
    calls:
      - auth
      - user
    callers:
      - gateway
      - file
    egress:
      - postgres
      - redis
  file:
    port: 8084
    portName: https
    database: true
    calls:
      - auth
      - project
    callers:
      - gateway
    egress:
      - postgres
      - redis
  notification:
    port: 8085
    portName: https
    database: true
    calls:
      - auth
    callers:
      - gateway
    egress:
      - postgres
      - redis
      - smtp
monolith:
  port: 8080
  portName: http
  database: true
  calls: []
  callers: []
  egress:
    - redis
    - postgres
    - smtp
{{- end -}}
