"""Passwords that everybody tries first, of the length we accept. Our own list, kept small on purpose.

Guessing is bounded by the lockout; this list only takes away what ten tries a day would find.
"""

COMMON_PASSWORDS = frozenset(
    """
    00000000 11111111 12121212 12341234 12344321 12345678 123456789 1234567890 12345678910 123123123
    11223344 1122334455 22222222 33333333 55555555 66666666 77777777 87654321 88888888 99999999 987654321
    9876543210 0987654321 0123456789 01234567 13579246 147258369 159357456 19871987 19901990 20002000
    123456780 123456781 1234567a 12345678a 123456789a 1234567q 12345qwert 1234qwer 123qweasd 123qwe123
    1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 2wsx3edc q1w2e3r4 q1w2e3r4t5 zaq12wsx
    zaq1zaq1 zxcvbnm1 zxcvbnm, zxcvbnm123 zxcvasdf asdfasdf asdfghjk asdfghjkl asdfjkl; asdf1234 asdfqwer
    qazwsxedc qazwsx123 qwaszx12 qweasdzxc qweasd123 qwer1234 qwert123 qwert1234 qwerty00 qwerty01 qwerty11
    qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwerty123! qwertyui qwertyuiop qwertzui qwertzuiop
    azertyuiop azerty123 abcd1234 abcdefgh abcdefg1 abcdefghi abc12345 abc123456 abc123abc a1b2c3d4 a1234567
    a12345678 a123456789 aa123456 aa12345678 aaaaaaaa aaaaaaa1 aaaa1111 bbbbbbbb xxxxxxxx zzzzzzzz
    password password! password. password? password0 password1 password1! password2 password3 password7
    password9 password01 password11 password12 password12! password21 password99 password123 password123!
    password1234 password12345 passw0rd passw0rd! p@ssword p@ssw0rd p@ssw0rd! p@ssword1 pa$$word pa55word
    pass1234 pass12345 passpass passport passwort passwort1 motdepasse contraseña contrasena parola123 wachtwoord
    changeme changeme1 changeme123 letmein1 letmein! letmein123 welcome1 welcome! welcome01 welcome1! welcome12
    welcome123 admin123 admin1234 admin12345 administrator adminadmin rootroot root1234 superuser supervisor
    test1234 test12345 testtest testing1 testing123 default1 guest123 user1234 temp1234 temporary secret123
    iloveyou iloveyou1 iloveyou2 iloveyou! iloveu123 loveyou1 lovelove lovely12 mylove123 forever1 princess
    princess1 sunshine sunshine1 football football1 baseball baseball1 basketball liverpool liverpool1 chelsea1
    arsenal1 barcelona realmadrid juventus1 manchester superman superman1 batman123 spiderman pokemon1 pokemon123
    starwars starwars1 trustno1 whatever whatever1 computer computer1 internet internet1 samsung1 microsoft
    michael1 michelle jennifer jessica1 charlie1 jordan23 anthony1 victoria alexander elizabeth danielle
    benjamin nicholas patricia samantha stephanie christian midnight butterfly dolphins elephant chocolate
    cheese123 monkey12 monkey123 dragon12 dragon123 shadow12 shadow123 master12 master123 hunter12 mustang1
    corvette mercedes porsche1 maverick blessed1 jesus123 jesuschrist godisgood summer12 summer123 summer2024
    summer2025 winter12 winter123 winter2024 winter2025 spring2024 spring2025 autumn2024 autumn2025 january1
    december1 monday123 friday123 november september birthday freedom1 success1 security fuckyou1 fuckyou2
    asshole1 access14 killer123 hello123 hello1234 hellohello helloworld goodluck happy123 lucky123 money123
    fitness1 fitness12 fitness123 fitnesshub fitnesshub1 workout1 workout123 gymrat123 muscle123 strength
    strong123 training training1 trainer1 trainer123 bodybuilding deadlift benchpress crossfit marathon running1
    """.split()  # noqa: SIM905 - three hundred quoted literals would be harder to read and to add to
)
