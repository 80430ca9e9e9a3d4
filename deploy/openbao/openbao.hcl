# A server with the API of Vault, for one machine: sealed when it starts, and reached from this machine and its containers alone.
ui            = true
disable_mlock = true

storage "file" {
  path = "/openbao/file"
}

listener "tcp" {
  address     = "0.0.0.0:8200"
  tls_disable = true
}

api_addr = "http://vault:8200"
