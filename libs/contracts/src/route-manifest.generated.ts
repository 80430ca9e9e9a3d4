// Generated from the decorators by `npm run generate`; do not edit.
import type { RoutePolicy } from './route.js';

/** Every route of the platform: what a gateway knows of services that run elsewhere. */
export const ROUTE_MANIFEST: readonly RoutePolicy[] = [
  {
    "service": "gateway",
    "method": "GET",
    "path": "/",
    "operation": "getDiscovery",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "cache": {
      "audience": "public",
      "tags": [
        "discovery"
      ]
    },
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "auth",
    "method": "GET",
    "path": "/.well-known/jwks.json",
    "operation": "getJwks",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "binary",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "auth",
    "method": "GET",
    "path": "/api/v1/auth/api-keys",
    "operation": "listApiKeys",
    "access": {
      "public": false,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [],
    "query": {
      "kind": "object",
      "keys": {
        "limit": {
          "kind": "number"
        },
        "cursor": {
          "kind": "string"
        },
        "sort": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "auth",
    "method": "POST",
    "path": "/api/v1/auth/api-keys",
    "operation": "createApiKey",
    "access": {
      "public": false,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 16384,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "refused",
    "idParams": [],
    "body": {
      "kind": "object",
      "keys": {
        "name": {
          "kind": "string"
        },
        "scopes": {
          "kind": "array",
          "of": {
            "kind": "string"
          }
        },
        "expires_at": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "auth",
    "method": "DELETE",
    "path": "/api/v1/auth/api-keys/{id}",
    "operation": "revokeApiKey",
    "access": {
      "public": false,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "none",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "auth",
    "method": "POST",
    "path": "/api/v1/auth/login",
    "operation": "login",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 16384,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "sign_in",
    "idempotency": "refused",
    "idParams": [],
    "body": {
      "kind": "object",
      "keys": {
        "email": {
          "kind": "string"
        },
        "password": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "auth",
    "method": "POST",
    "path": "/api/v1/auth/logout",
    "operation": "logout",
    "access": {
      "public": false,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "sign_in",
    "idempotency": "accepted",
    "idParams": []
  },
  {
    "service": "auth",
    "method": "POST",
    "path": "/api/v1/auth/logout-all",
    "operation": "logoutAll",
    "access": {
      "public": false,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "sign_in",
    "idempotency": "accepted",
    "idParams": []
  },
  {
    "service": "auth",
    "method": "POST",
    "path": "/api/v1/auth/password/change",
    "operation": "changePassword",
    "access": {
      "public": false,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 16384,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "sign_in",
    "idempotency": "refused",
    "idParams": [],
    "body": {
      "kind": "object",
      "keys": {
        "current_password": {
          "kind": "string"
        },
        "new_password": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "auth",
    "method": "POST",
    "path": "/api/v1/auth/refresh",
    "operation": "refreshTokens",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 16384,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "sign_in",
    "idempotency": "refused",
    "idParams": [],
    "body": {
      "kind": "object",
      "keys": {
        "refresh_token": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "auth",
    "method": "POST",
    "path": "/api/v1/auth/register",
    "operation": "register",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 16384,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "sign_in",
    "idempotency": "refused",
    "idParams": [],
    "body": {
      "kind": "object",
      "keys": {
        "email": {
          "kind": "string"
        },
        "password": {
          "kind": "string"
        },
        "name": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "auth",
    "method": "GET",
    "path": "/api/v1/auth/sessions",
    "operation": "listSessions",
    "access": {
      "public": false,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [],
    "query": {
      "kind": "object",
      "keys": {
        "limit": {
          "kind": "number"
        },
        "cursor": {
          "kind": "string"
        },
        "sort": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "auth",
    "method": "DELETE",
    "path": "/api/v1/auth/sessions/{id}",
    "operation": "endSession",
    "access": {
      "public": false,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "none",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "auth",
    "method": "POST",
    "path": "/api/v1/auth/users/{id}/lock",
    "operation": "lockUser",
    "access": {
      "public": false,
      "roles": [
        "admin"
      ],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "auth",
    "method": "PUT",
    "path": "/api/v1/auth/users/{id}/role",
    "operation": "setUserRole",
    "access": {
      "public": false,
      "roles": [
        "admin"
      ],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "none",
    "idParams": [
      "id"
    ],
    "body": {
      "kind": "object",
      "keys": {
        "role": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "auth",
    "method": "POST",
    "path": "/api/v1/auth/users/{id}/unlock",
    "operation": "unlockUser",
    "access": {
      "public": false,
      "roles": [
        "admin"
      ],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "file",
    "method": "GET",
    "path": "/api/v1/files",
    "operation": "listFiles",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "files:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [],
    "query": {
      "kind": "object",
      "keys": {
        "limit": {
          "kind": "number"
        },
        "cursor": {
          "kind": "string"
        },
        "sort": {
          "kind": "string"
        },
        "project_id": {
          "kind": "string"
        },
        "q": {
          "kind": "string"
        },
        "content_type": {
          "kind": "string"
        },
        "status": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "file",
    "method": "POST",
    "path": "/api/v1/files",
    "operation": "uploadFile",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "files:write"
      ]
    },
    "limits": {
      "bodyBytes": 0,
      "timeoutMs": 0
    },
    "consumes": "stream",
    "produces": "json",
    "priority": "bulk",
    "idempotency": "handler",
    "idParams": []
  },
  {
    "service": "file",
    "method": "DELETE",
    "path": "/api/v1/files/{id}",
    "operation": "trashFile",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "files:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "none",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "file",
    "method": "GET",
    "path": "/api/v1/files/{id}",
    "operation": "getFile",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "files:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "file",
    "method": "PATCH",
    "path": "/api/v1/files/{id}",
    "operation": "renameFile",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "files:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ],
    "body": {
      "kind": "object",
      "keys": {
        "name": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "file",
    "method": "GET",
    "path": "/api/v1/files/{id}/content",
    "operation": "downloadFile",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "files:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 0
    },
    "consumes": "none",
    "produces": "binary",
    "priority": "bulk",
    "idempotency": "none",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "file",
    "method": "POST",
    "path": "/api/v1/files/{id}/restore",
    "operation": "restoreFile",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "files:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "file",
    "method": "GET",
    "path": "/api/v1/files/usage",
    "operation": "getFileUsage",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "files:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "notification",
    "method": "GET",
    "path": "/api/v1/notifications",
    "operation": "listNotifications",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "notifications:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "cache": {
      "audience": "user",
      "tags": [
        "inbox:{actor}"
      ]
    },
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [],
    "query": {
      "kind": "object",
      "keys": {
        "limit": {
          "kind": "number"
        },
        "cursor": {
          "kind": "string"
        },
        "sort": {
          "kind": "string"
        },
        "unread": {
          "kind": "string"
        },
        "category": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "notification",
    "method": "POST",
    "path": "/api/v1/notifications/{id}/read",
    "operation": "readNotification",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "notifications:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "notification",
    "method": "POST",
    "path": "/api/v1/notifications/read-all",
    "operation": "readAllNotifications",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "notifications:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": []
  },
  {
    "service": "notification",
    "method": "GET",
    "path": "/api/v1/notifications/stream",
    "operation": "streamNotifications",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "notifications:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 0
    },
    "consumes": "none",
    "produces": "sse",
    "priority": "bulk",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "notification",
    "method": "GET",
    "path": "/api/v1/notifications/unread-count",
    "operation": "countUnreadNotifications",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "notifications:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "cache": {
      "audience": "user",
      "tags": [
        "inbox:{actor}"
      ]
    },
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "gateway",
    "method": "GET",
    "path": "/api/v1/openapi.json",
    "operation": "getOpenApi",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "html",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "project",
    "method": "GET",
    "path": "/api/v1/projects",
    "operation": "listProjects",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [],
    "query": {
      "kind": "object",
      "keys": {
        "limit": {
          "kind": "number"
        },
        "cursor": {
          "kind": "string"
        },
        "sort": {
          "kind": "string"
        },
        "q": {
          "kind": "string"
        },
        "tag": {
          "kind": "string"
        },
        "status": {
          "kind": "string"
        },
        "visibility": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "project",
    "method": "POST",
    "path": "/api/v1/projects",
    "operation": "createProject",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [],
    "body": {
      "kind": "object",
      "keys": {
        "name": {
          "kind": "string"
        },
        "description": {
          "kind": "string"
        },
        "visibility": {
          "kind": "string"
        },
        "tags": {
          "kind": "array",
          "of": {
            "kind": "string"
          }
        },
        "metadata": {
          "kind": "opaque"
        }
      }
    }
  },
  {
    "service": "project",
    "method": "DELETE",
    "path": "/api/v1/projects/{id}",
    "operation": "trashProject",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "none",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "project",
    "method": "GET",
    "path": "/api/v1/projects/{id}",
    "operation": "getProject",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "cache": {
      "audience": "user",
      "tags": [
        "project:{id}"
      ],
      "staleWhileRevalidateSeconds": 30,
      "staleIfErrorSeconds": 300,
      "notFoundSeconds": 5
    },
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "project",
    "method": "PATCH",
    "path": "/api/v1/projects/{id}",
    "operation": "updateProject",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ],
    "body": {
      "kind": "object",
      "keys": {
        "name": {
          "kind": "string"
        },
        "description": {
          "kind": "string"
        },
        "visibility": {
          "kind": "string"
        },
        "tags": {
          "kind": "array",
          "of": {
            "kind": "string"
          }
        },
        "metadata": {
          "kind": "opaque"
        }
      }
    }
  },
  {
    "service": "project",
    "method": "POST",
    "path": "/api/v1/projects/{id}/archive",
    "operation": "archiveProject",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "project",
    "method": "GET",
    "path": "/api/v1/projects/{id}/members",
    "operation": "listProjectMembers",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [
      "id"
    ],
    "query": {
      "kind": "object",
      "keys": {
        "limit": {
          "kind": "number"
        },
        "cursor": {
          "kind": "string"
        },
        "sort": {
          "kind": "string"
        },
        "role": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "project",
    "method": "DELETE",
    "path": "/api/v1/projects/{id}/members/{user_id}",
    "operation": "removeProjectMember",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "none",
    "idParams": [
      "id",
      "user_id"
    ]
  },
  {
    "service": "project",
    "method": "PUT",
    "path": "/api/v1/projects/{id}/members/{user_id}",
    "operation": "putProjectMember",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "none",
    "idParams": [
      "id",
      "user_id"
    ],
    "body": {
      "kind": "object",
      "keys": {
        "role": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "project",
    "method": "POST",
    "path": "/api/v1/projects/{id}/restore",
    "operation": "restoreProject",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "project",
    "method": "POST",
    "path": "/api/v1/projects/{id}/unarchive",
    "operation": "unarchiveProject",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "projects:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "user",
    "method": "GET",
    "path": "/api/v1/users",
    "operation": "listUsers",
    "access": {
      "public": false,
      "roles": [
        "admin"
      ],
      "scopes": [
        "users:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [],
    "query": {
      "kind": "object",
      "keys": {
        "limit": {
          "kind": "number"
        },
        "cursor": {
          "kind": "string"
        },
        "sort": {
          "kind": "string"
        },
        "q": {
          "kind": "string"
        },
        "role": {
          "kind": "string"
        },
        "status": {
          "kind": "string"
        },
        "email": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "user",
    "method": "GET",
    "path": "/api/v1/users/{id}",
    "operation": "getUser",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "users:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "cache": {
      "audience": "role",
      "tags": [
        "user:{id}"
      ],
      "staleWhileRevalidateSeconds": 30,
      "staleIfErrorSeconds": 300,
      "notFoundSeconds": 5
    },
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "user",
    "method": "PATCH",
    "path": "/api/v1/users/{id}",
    "operation": "updateUser",
    "access": {
      "public": false,
      "roles": [
        "admin"
      ],
      "scopes": [
        "users:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ],
    "body": {
      "kind": "object",
      "keys": {
        "name": {
          "kind": "string"
        },
        "bio": {
          "kind": "string"
        },
        "locale": {
          "kind": "string"
        },
        "timezone": {
          "kind": "string"
        },
        "phone": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "user",
    "method": "POST",
    "path": "/api/v1/users/{id}/deactivate",
    "operation": "deactivateUser",
    "access": {
      "public": false,
      "roles": [
        "admin"
      ],
      "scopes": [
        "users:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "user",
    "method": "POST",
    "path": "/api/v1/users/{id}/reactivate",
    "operation": "reactivateUser",
    "access": {
      "public": false,
      "roles": [
        "admin"
      ],
      "scopes": [
        "users:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [
      "id"
    ]
  },
  {
    "service": "user",
    "method": "GET",
    "path": "/api/v1/users/me",
    "operation": "getOwnProfile",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "profile:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "cache": {
      "audience": "user",
      "tags": [
        "user:{actor}"
      ]
    },
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "user",
    "method": "PATCH",
    "path": "/api/v1/users/me",
    "operation": "updateOwnProfile",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "profile:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "accepted",
    "idParams": [],
    "body": {
      "kind": "object",
      "keys": {
        "name": {
          "kind": "string"
        },
        "bio": {
          "kind": "string"
        },
        "locale": {
          "kind": "string"
        },
        "timezone": {
          "kind": "string"
        },
        "phone": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "user",
    "method": "GET",
    "path": "/api/v1/users/me/preferences",
    "operation": "getPreferences",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "profile:read"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "user",
    "method": "PUT",
    "path": "/api/v1/users/me/preferences",
    "operation": "replacePreferences",
    "access": {
      "public": false,
      "roles": [],
      "scopes": [
        "profile:write"
      ]
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "json",
    "produces": "json",
    "priority": "user_write",
    "idempotency": "none",
    "idParams": [],
    "body": {
      "kind": "opaque"
    }
  },
  {
    "service": "notification",
    "method": "GET",
    "path": "/dev/mail",
    "operation": "getCapturedMails",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "html",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "notification",
    "method": "GET",
    "path": "/dev/mail/{mail}",
    "operation": "getCapturedMail",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "html",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "notification",
    "method": "GET",
    "path": "/dev/mail/messages",
    "operation": "listCapturedMails",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": [],
    "query": {
      "kind": "object",
      "keys": {
        "to": {
          "kind": "string"
        }
      }
    }
  },
  {
    "service": "gateway",
    "method": "GET",
    "path": "/docs",
    "operation": "getDocs",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "html",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "gateway",
    "method": "GET",
    "path": "/docs/assets/{name}",
    "operation": "getDocsAsset",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "html",
    "priority": "user_read",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "gateway",
    "method": "GET",
    "path": "/health/live",
    "operation": "getLiveness",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "health",
    "idempotency": "none",
    "idParams": []
  },
  {
    "service": "gateway",
    "method": "GET",
    "path": "/health/ready",
    "operation": "getReadiness",
    "access": {
      "public": true,
      "roles": [],
      "scopes": []
    },
    "limits": {
      "bodyBytes": 1048576,
      "timeoutMs": 10000
    },
    "consumes": "none",
    "produces": "json",
    "priority": "health",
    "idempotency": "none",
    "idParams": []
  }
];
