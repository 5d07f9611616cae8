package detect

import (
	"strings"
	"testing"
)

// texts holds invented configuration files; want lists key=value of every
// credential, in order.
var texts = []struct {
	name, text string
	want       []string
}{
	{"application.properties", `
# spring.datasource.password=documented
spring.datasource.url=jdbc:mysql://db:3306/shop
spring.datasource.username=shop
spring.datasource.password=swordfish
shop.token.ttl=3600
shop.greeting=hello
`, []string{"spring.datasource.password=swordfish"}},
	{"application.yaml", `
server:
  port: 8080
spring:
  datasource:
    username: shop
    password: swordfish # for now
  mail:
    password: "${MAIL_PASSWORD}"
  security:
    oauth2:
      client-secret: 'lighthouse'
jwt:
  issuer: shop
  expiration: 3600
`, []string{"spring.datasource.password=swordfish", "spring.security.oauth2.client-secret=lighthouse"}},
	{"config.json", `{"db": {"host": "db", "password": "swordfish", "port": 5432},
 "auth": {"secretKeyRef": {"name": "x", "key": "password"}, "tokenTtl": 30},
 "env": [{"name": "API_KEY", "value": "abc123"}, {"name": "COLOR", "value": "red"}],
 "url": "amqp://guest:guest@mq"}`,
		[]string{"db.password=swordfish", "env.API_KEY=abc123", "url=guest"}},
	{"realm.json", `{"users":[{"username":"a","credentials":[{"type":"password","value":"swordfish"}]}]}`,
		[]string{"users.credentials.password=swordfish"}},
	{".env", "export DB_PASSWORD='swordfish'\nDEBUG=true\nTOKEN_URL=http://idp/token\nAPI_KEY=<your-key>\n",
		[]string{"DB_PASSWORD=swordfish"}},
	{"app.toml", "[database]\nuser = \"shop\"\npassword = \"swordfish\"\npassword_min_length = 12\n",
		[]string{"password=swordfish"}},
	{"app.ini", "[smtp]\n;password = documented\npassword = swordfish\n[auth]\ntoken_auth = none\n",
		[]string{"password=swordfish"}},
	{"my.cnf", "[client]\nuser=root\npassword=swordfish\n[mysqld]\ndefault_authentication_plugin=mysql_native_password\n",
		[]string{"password=swordfish"}},
	{"redis.conf", "bind 0.0.0.0\nrequirepass swordfish\nmasterauth swordfish\nmaxmemory 0\n",
		[]string{"password=swordfish", "password=swordfish"}},
	{"redis.conf", "requirepass replace-this-at-start\n", nil},
	{"haproxy.cfg", "userlist shop\n  user ada insecure-password swordfish\n", []string{"password=swordfish"}},
	{"keepalived.conf", "authentication {\n  auth_type PASS\n  auth_pass 1234\n}\n", []string{"password=1234"}},
	{"nginx.conf", "location / {\n  proxy_pass http://shop;\n  auth_basic \"Restricted\";\n  auth_basic_user_file /etc/nginx/.htpasswd;\n  proxy_set_header Authorization \"Basic c2hvcDpzd29yZGZpc2g=\";\n}\n",
		[]string{"=c2hvcDpzd29yZGZpc2g="}},
	{"site.conf", "proxy_set_header X-API-Key \"walnut77\";\nproxy_set_header X-API-Key $key;\nproxy_set_header Host $host;\n",
		[]string{"X-API-Key=walnut77"}},
	{"fluent-bit.conf", "[OUTPUT]\n    Name es\n    HTTP_User ada\n    HTTP_Passwd swordfish\n", []string{"password=swordfish"}},
	{"fluent-bit.conf", "[OUTPUT]\n    Name es\n    HTTP_Passwd ${PW}\n", nil},
	{"haproxy.cfg", "listen admin\n  stats enable\n  stats auth ada:swordfish\n", []string{"password=swordfish"}},
	{"userlist.txt", "\"ada\" \"swordfish\"\n", []string{"password=swordfish"}},
	{"words.txt", "\"ada\" \"swordfish\"\n", nil},
	{"users.acl", "user default on >swordfish ~* +@all\nuser bob on nopass\n", []string{"password=swordfish"}},
	{"jaas.conf", "Server {\n  DigestLoginModule required\n  user_super=\"swordfish\";\n};\n", []string{"password=swordfish"}},
	{"nats.conf", "users = [\n  { user: ada, password: swordfish }\n  { user: bob, password: $BOB }\n]\n", []string{"password=swordfish"}},
	{"keyring", "[client.admin]\n  key = AQDJ4NtnRcjgDxAAGiK1ZsBJJIJbt/ufphubnB==\n", []string{"key=AQDJ4NtnRcjgDxAAGiK1ZsBJJIJbt/ufphubnB=="}},
	{"prometheus.yml", "scrape_configs:\n- job_name: x\n  authorization:\n    credentials: swordfish-7\n- job_name: y\n  registry:\n    credentials: swordfish-7\n",
		[]string{"scrape_configs.authorization.token=swordfish-7"}},
	{"dovecot-users", "ada:{PLAIN}swordfish\n", []string{"={PLAIN}swordfish"}},
	{"definitions.json", `{"users":[{"name":"ada","password_hash":"aB3dE5gH7jK9mN1pQ3sTaB3dE5gH7jK9"}]}`,
		[]string{"users.password_hash=aB3dE5gH7jK9mN1pQ3sTaB3dE5gH7jK9"}},
	{"app.js", "const secret = process.env.SECRET || 'lighthouse-lamp';\nconst token = process.env.TOKEN || '';\n",
		[]string{"process.env.SECRET=lighthouse-lamp"}},
	{"conf.py", "SECRET_KEY = os.environ.get(\"SECRET_KEY\", \"lighthouse-lamp\")\nlog(\"token\", \"swordfish\")\n",
		[]string{"SECRET_KEY=lighthouse-lamp"}},
	{"grant.sql", "GRANT ALL ON *.* TO 'ada'@'%' IDENTIFIED WITH mysql_native_password BY 'swordfish';\n", []string{"=swordfish"}},
	{"both.yaml", "url: amqp://guest:guest@mq\npassword: swordfish\n", []string{"=guest", "password=swordfish"}},
	{"run.sh", "#!/bin/sh\nTOKEN=`cat /run/token`\nPASS=`openssl rand -hex 8`\n", nil},
	{"stream.conf", "server {\n  listen 5353 udp;\n  proxy_pass coredns-udp;\n}\n", nil},
	{"users.xml", "<users>\n <default>\n  <password>swordfish</password>\n  <profile>default</profile>\n </default>\n</users>\n",
		[]string{"password=swordfish"}},
	{"site.xml", "<property>\n <name>fs.s3a.secret.key</name>\n <value>swordfish</value>\n</property>\n<property><name>fs.s3a.endpoint</name><value>s3</value></property>\n",
		[]string{"fs.s3a.secret.key=swordfish"}},
	{"tomcat-users.xml", `<user username="ada" password="swordfish" roles="admin"/>
`, []string{"password=swordfish"}},
	{"wp-config.php", "<?php\ndefine( 'DB_NAME', 'shop' );\ndefine( 'DB_PASSWORD', 'swordfish' );\n$table_prefix = 'wp_';\n",
		[]string{"DB_PASSWORD=swordfish"}},
	{"settings.py", "import os\nSECRET_KEY = 'lighthouse-lamp'\nPASSWORD = os.environ['DB_PASSWORD']\ntoken = get_token()\nif password == 'x':\n    pass\n",
		[]string{"SECRET_KEY=lighthouse-lamp"}},
	{"dex.yaml", "staticClients:\n- id: shop\n  secret: lighthouse\nstaticPasswords:\n- email: a@b.example\n  hashFromEnv: HASH\nconnectors:\n- config:\n    clientSecret: $DEX_SECRET\n    bindPW: swordfish\n",
		[]string{"staticClients.secret=lighthouse", "connectors.config.bindPW=swordfish"}},
	{"prometheus.yml", "scrape_configs:\n- job_name: x\n  bearer_token_file: /var/run/secrets/token\n  basic_auth:\n    username: prom\n    password: swordfish\n",
		[]string{"scrape_configs.basic_auth.password=swordfish"}},
	{"kubeconfig", "users:\n- name: ada\n  user:\n    client-certificate-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t\n    token: swordfish-22\n",
		[]string{"users.user.token=swordfish-22"}},
	{"persistence", "mysql:\n  host: db\n  passwordSecret:\n    name: shop-db\n    key: password\n  userNameSecret:\n    name: shop-db\n    key: username\n", nil},
	{"env.yaml", "- name: DB_PASSWORD\n  value: swordfish\n- name: COLOR\n  value: red\n- name: API_KEY\n  valueFrom:\n    secretKeyRef:\n      name: shop\n      key: api-key\n",
		[]string{"DB_PASSWORD=swordfish"}},
	{"init.sql", "CREATE DATABASE shop;\nCREATE USER 'shop'@'%' IDENTIFIED BY 'swordfish';\nALTER ROLE ada WITH PASSWORD 'lighthouse';\n-- PASSWORD 'documented'\n",
		[]string{"=swordfish", "=lighthouse"}},
	{"init.sh", "#!/bin/sh\nset -e\nif [ -n \"${DB_PASSWORD:-}\" ]; then\n  psql -c \"ALTER USER shop PASSWORD '${DB_PASSWORD}'\"\nfi\ntoken=$(cat /run/token)\nmysql -uroot -pswordfish -e 'SELECT 1'\nexport API_TOKEN=abc123\necho \"pass --password to set one\"\n",
		[]string{"=swordfish", "API_TOKEN=abc123"}},
	{"ingress.yaml", "metadata:\n  annotations:\n    nginx.example/basic-auth-secret: shop-users\n    nginx.example/jwt-key: shop-jwk\n", nil},
	{"labels.yaml", "password: Password\nlogin.token: Token\nforgotPassword: Forgot your password?\npasswordHint: At least eight letters\n", nil},
	{"openapi.yaml", "properties:\n  password:\n    type: string\n  token: string\nrequired: [password, token]\n", nil},
	{"npmrc", "//registry.example/:_authToken=abcdef123456\nalways-auth=true\n", []string{"_authToken=abcdef123456"}},
	{"tls.pem", pem + "\n", []string{"=" + pem}},
	{"htpasswd", "ada:" + bcrypt + "\n", []string{"=" + bcrypt}},
	{"notes.txt", "The password is kept in the vault.\nAsk for a token: see the handbook.\n", nil},
	{"broken.json", "{\"password\": \"swordfish\", // a comment\n \"x\": 1,\n}\n", []string{"password=swordfish"}},
}

func TestBlob(t *testing.T) {
	for _, x := range texts {
		var got []string
		for _, f := range Blob(x.name, x.text) {
			got = append(got, f.Key+"="+x.text[f.Range.Start:f.Range.End])
		}
		if strings.Join(got, "\n") != strings.Join(x.want, "\n") {
			t.Errorf("Blob(%s) finds\n\t%q, want\n\t%q", x.name, got, x.want)
		}
		if v := Classify(x.name, x.text); v.Secret != (len(x.want) > 0) {
			t.Errorf("Classify(%s) = %+v, want %v", x.name, v, len(x.want) > 0)
		}
	}
}

func TestArgs(t *testing.T) {
	for _, x := range []struct {
		argv []string
		want []string // index:value
	}{
		{[]string{"redis-server", "--requirepass", "swordfish"}, []string{"2:swordfish"}},
		{[]string{"redis-server", "--requirepass", "$(REDIS_PASSWORD)"}, nil},
		{[]string{"redis-cli", "-a", "swordfish", "ping"}, []string{"2:swordfish"}},
		{[]string{"java", "-jar", "agent.jar", "-username", "ada", "-password", "swordfish"}, []string{"6:swordfish"}},
		{[]string{"--cookie-secret=SECRET", "--https-address=:8443"}, []string{"0:SECRET"}},
		{[]string{"--token-ttl=24h", "--token-auth-file=/etc/tokens", "--password-file", "/etc/pw"}, nil},
		{[]string{"--use-service-account-credentials=true", "--enable-bootstrap-token-auth=true"}, nil},
		{[]string{"--tls-secret=shop/tls", "--basic-auth-secret=shop/users", "--secret=shop-db"}, nil},
		{[]string{"etcd", "-initial-cluster-token=etcd-cluster"}, nil},
		{[]string{"--api-key=$(API_KEY)"}, nil},
		{[]string{"--dsn=shop:swordfish@tcp(db:3306)/shop"}, []string{"0:swordfish"}},
		{[]string{"mysqladmin", "ping", "-uroot", "-pswordfish"}, []string{"3:swordfish"}},
		{[]string{"mysqladmin", "ping", "-uroot", "-p$MYSQL_ROOT_PASSWORD"}, nil},
		{[]string{"mysqladmin", "ping", "-p${DB_PASSWORD:-swordfish}"}, []string{"2:swordfish"}},
		{[]string{"mysqladmin", "ping", "-p${DB_PASSWORD:-}"}, nil},
		{[]string{"zip", "-P", "swordfish", "x.zip", "y"}, []string{"2:swordfish"}},
		{[]string{"sh", "-c", "echo swordfish | docker login -u ada --password-stdin"}, []string{"2:swordfish"}},
		{[]string{"sh", "-c", "echo \"$PW\" | docker login -u ada --password-stdin"}, nil},
		{[]string{"sh", "-c", "echo welcome && cat pw | docker login --password-stdin"}, nil},
		{[]string{"mysql", "-p", "shop"}, nil},
		{[]string{"-Dspring.datasource.password=swordfish"}, []string{"0:swordfish"}},
		{[]string{"helm", "install", "--set", "auth.password=swordfish,replicas=2"}, []string{"3:swordfish"}},
		{[]string{"sh", "-c", "PGPASSWORD=swordfish psql -c \"ALTER USER a PASSWORD 'lighthouse'\""}, []string{"2:swordfish", "2:lighthouse"}},
		{[]string{"sh", "-c", "curl -u ada:swordfish http://x && curl -H 'Authorization: Bearer abc123def' http://y"}, []string{"2:swordfish", "2:abc123def"}},
		{[]string{"sh", "-c", "curl http://admin:admin@grafana/api"}, []string{"2:admin"}},
		{[]string{"sh", "-c", "echo 'root:swordfish' | chpasswd"}, []string{"2:swordfish"}},
		{[]string{"sh", "-c", "mysql -h db -p$MYSQL_ROOT_PASSWORD -e 'SELECT 1'"}, nil},
		{[]string{"sh", "-c", "until nslookup db.$(cat /var/run/secrets/ns); do sleep 1; done"}, nil},
		{[]string{"docker", "login", "-u", "ada", "-p", "swordfish"}, []string{"5:swordfish"}},
		{[]string{"docker", "run", "-p", "8080:80"}, nil},
		{[]string{"htpasswd", "-Bbn", "ada", "swordfish"}, []string{"3:swordfish"}},
		{[]string{"mc", "alias", "set", "s3", "http://s3:9000", "ada", "swordfish"}, []string{"6:swordfish"}},
		{[]string{"rabbitmqctl", "add_user", "ada", "swordfish"}, []string{"3:swordfish"}},
		{[]string{"admin", "redis-initial-password"}, nil},
		{[]string{"mysqld", "--default-authentication-plugin", "mysql_native_password"}, nil},
		{[]string{"kubectl", "create", "secret", "generic", "x", "--from-literal=password=swordfish"}, []string{"5:swordfish"}},
		{[]string{"", "-", "--", "---", "=", "--="}, nil},
	} {
		var got []string
		for _, f := range Args(x.argv) {
			got = append(got, string(rune('0'+f.Index))+":"+x.argv[f.Index][f.Range.Start:f.Range.End])
		}
		if strings.Join(got, "\n") != strings.Join(x.want, "\n") {
			t.Errorf("Args(%q) finds %q, want %q", x.argv, got, x.want)
		}
	}
}
